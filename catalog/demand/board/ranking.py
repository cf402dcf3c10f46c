"""The demand board: which model comes next, by a public formula over votes and the waitlist.

Each voice is a counted vote, or a confirmed entry of the waitlist that still waits. It counts
1 + 0.5^(age / 30): twice as much when it is fresh, and falling towards once. Its age is the number
of whole days (UTC) since then. The power is cut to six decimals. Ties go by repo id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import (
    BigIntegerField,
    Count,
    DateField,
    Exists,
    F,
    Func,
    IntegerField,
    Max,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Collate, TruncDate

from catalog.demand import votes
from catalog.models import (
    COMING_SOON,
    EntryQuerySet,
    ModelCard,
    ModelCardQuerySet,
    Stage,
    StageChange,
    Vote,
    VoteQuerySet,
    WaitlistEntry,
)

HALF_LIFE_DAYS = 30
MILLION = 10**6
FORMULA = (
    "score = sum over voices of 1 + 0.5^(age / 30), where a voice is a counted vote or a confirmed "
    "waitlist entry, age is its whole days (UTC) up to as_of, at least 0, and the power is cut to "
    "six decimals; ties by id, in ASCII order"
)
LEAST_IN_A_SUM = 3
MOST_SHOWN = 200
RECENTLY_LAUNCHED = 10

NEXT_STEP = {
    Stage.REQUESTED: "benchmarking, where we measure its speed and accuracy",
    Stage.BENCHMARKING: "onboarding, where we prepare its weights and set its price",
    Stage.ONBOARDING: "preview, where you can call it and it may still change",
}

Voices = VoteQuerySet | EntryQuerySet


# In whole millionths, whose sums need no rounding: anybody's arithmetic gives the same order.
class Weight(Func):
    """What a voice counts, in millionths: of the day it is counted and the day it was cast."""

    template = (
        f"({MILLION} + floor({MILLION} * power(0.5::float8,"
        f" greatest(%(expressions)s, 0) / {HALF_LIFE_DAYS}.0::float8)))::bigint"
    )
    arg_joiner = " - "
    output_field = BigIntegerField()


def weight(age_days: int) -> Decimal:
    """What a voice of this age counts; the same figure as `Weight` gives, for pages and checks.

    >>> weight(0), weight(30), weight(31)
    (Decimal('2'), Decimal('1.5'), Decimal('1.488577'))
    """
    fresh = int(MILLION * 0.5 ** (max(age_days, 0) / HALF_LIFE_DAYS))
    return Decimal(MILLION + fresh) / MILLION


@dataclass(frozen=True)
class Row:
    """A model on the board; `card` has its figures as annotations, `changes` are oldest first."""

    rank: int
    card: ModelCard
    score: Decimal
    changes: Sequence[StageChange]
    is_next: bool

    @property
    def since(self) -> datetime | None:
        # When it came to the stage that it is in.
        return self.changes[-1].changed_at if self.changes else None

    @property
    def next_step(self) -> str:
        return NEXT_STEP[self.card.status]


def rows(as_of: date, *, seen_by: AbstractBaseUser | AnonymousUser) -> list[Row]:
    """The board of a day in order, with one row more than MOST_SHOWN if there are more."""
    cards = (
        ranked(as_of)
        .annotate(images_wanted=images_wanted(), has_my_vote=votes.has_vote_of(seen_by))
        .prefetch_related("stage_changes")
    )
    shown = list(cards[: MOST_SHOWN + 1])
    # Without a voice the order is by id, and nobody's wish.
    wanted = [card for card in shown if score_of(card)]
    first = next((card for card in wanted if card.status is Stage.REQUESTED), None)
    return [
        Row(rank, card, score_of(card), list(card.stage_changes.all()), is_next=card is first)
        for rank, card in enumerate(shown, start=1)
    ]


def ranked(as_of: date) -> ModelCardQuerySet:
    """Coming-soon models with `votes_counted`, `waiting` and `micro_score`, the most wanted first.

    Those with a voice, and those that somebody wrote a page for.
    """
    has_voice = Exists(votes.of_outer_card()) | Exists(waiting_for_outer_card())
    return (
        ModelCard.objects.real()
        .coming_soon()
        .filter(has_voice | Q(summary_is_generated=False))
        .annotate(
            votes_counted=votes.count_expression(),
            waiting=waiting_expression(),
            micro_score=_score(votes.of_outer_card(), "voted_at", as_of)
            + _score(waiting_for_outer_card(), "confirmed_at", as_of),
        )
        .defer("about", "search_text")
        # In ASCII order, as FORMULA says, whatever the database's locale.
        .order_by("-micro_score", Collate("repo", "C"))
    )


def score_of(card: ModelCard) -> Decimal:
    micro: int = getattr(card, "micro_score")  # noqa: B009  an annotation
    return Decimal(micro) / MILLION


def waiting_for_outer_card() -> EntryQuerySet:
    """The waitlist of the card that a query is about; for subqueries."""
    return WaitlistEntry.objects.waiting().filter(card=OuterRef("pk")).order_by()


def waiting_expression() -> Combinable:
    waiting = waiting_for_outer_card().values("card").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(waiting), Value(0), output_field=IntegerField())


def images_wanted() -> Combinable:
    # Null when too few have said so: from a sum of two, each could tell the other's.
    stated = votes.of_outer_card().values("card").annotate(people=Count("images_per_month"))
    sums = stated.filter(people__gte=LEAST_IN_A_SUM).annotate(total=Sum("images_per_month"))
    return Subquery(sums.values("total"), output_field=BigIntegerField())


def _score(voices: Voices, moment: str, as_of: date) -> Combinable:
    weights = voices.values("card").annotate(
        total=Sum(Weight(Cast(Value(as_of), DateField()), TruncDate(moment, tzinfo=UTC)))
    )
    return Coalesce(Subquery(weights.values("total")), Value(0), output_field=BigIntegerField())


def count_set_aside() -> int:
    return Vote.objects.filter(is_set_aside=True, card__stage__in=COMING_SOON).count()


def recently_launched() -> ModelCardQuerySet:
    return (
        ModelCard.objects.real()
        .filter(stage__in=[Stage.PREVIEW, Stage.LIVE], stage_changes__stage=F("stage"))
        .annotate(launched_at=Max("stage_changes__changed_at"))
        .defer("about", "search_text")
        .order_by("-launched_at", "repo")[:RECENTLY_LAUNCHED]
    )
