"""What people want of each model, and what credit was spent on it or given by its launch, in µ$."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from accounts.models import Entry, EntryKind
from accounts.staff.dashboard.weekly_metrics import first_moment
from catalog.demand import board
from catalog.models import ModelCard

MAX_MODELS = 20

SPENT = Q(kind=EntryKind.CAPTURE)
# Of all grants only those of launches name a model.
LAUNCH_CREDIT = Q(kind=EntryKind.GRANT) & ~Q(model="")


@dataclass(frozen=True)
class ModelDemand:
    rank: int
    card: ModelCard
    votes: int
    waiting: int
    score: Decimal


@dataclass(frozen=True)
class ModelCredit:
    """`repo` is empty for credit that was spent on what the ledger does not name."""

    repo: str
    granted: int
    spent: int


def demand(as_of: date) -> list[ModelDemand]:
    return [
        ModelDemand(
            rank,
            card,
            votes=_annotated(card, "votes_counted"),
            waiting=_annotated(card, "waiting"),
            score=board.score_of(card),
        )
        for rank, card in enumerate(board.ranked(as_of)[:MAX_MODELS], start=1)
    ]


def _annotated(card: ModelCard, name: str) -> int:
    return int(getattr(card, name))


def credit(now: datetime) -> list[ModelCredit]:
    """The twenty models with the most credit spent or given in the weeks that are shown."""
    by_model = (
        Entry.objects.filter(SPENT | LAUNCH_CREDIT, created_at__gte=first_moment(now))
        .order_by()
        .values("model")
        .annotate(
            granted=Coalesce(Sum("balance_effect_micro_usd", filter=LAUNCH_CREDIT), 0),
            spent=-Coalesce(Sum("balance_effect_micro_usd", filter=SPENT), 0),
        )
        .order_by("-spent", "-granted", "model")
    )
    return [
        ModelCredit(row["model"], row["granted"], row["spent"]) for row in by_model[:MAX_MODELS]
    ]
