"""What an operator should see of demand: the last weeks, the models, and what launches did.

Weeks begin on Mondays at 00:00 UTC. Sums of money are µ$.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import (
    CharField,
    Count,
    Exists,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, TruncWeek

from accounts.models import Entry, Kind, User, Wallet
from catalog.demand import board
from catalog.models import Launch, Mail, MailState, ModelCard, Vote, WaitlistEntry

WEEKS = 12
MODELS = 20
MOST_LAUNCHES = 20
NOT_SET_ASIDE, SET_ASIDE = Q(is_set_aside=False), Q(is_set_aside=True)


@dataclass(frozen=True)
class Week:
    """One week, by its Monday. Accounts and addresses that were deleted since are not in it."""

    monday: date
    signed_up: int = 0
    confirmed: int = 0
    votes: int = 0
    set_aside: int = 0
    asked: int = 0
    joined: int = 0
    granted: int = 0
    spent: int = 0


@dataclass(frozen=True)
class Wanted:
    """A model of the board with its place there."""

    rank: int
    card: ModelCard
    votes: int
    waiting: int
    score: Decimal


@dataclass(frozen=True)
class Earned:
    """What a model's launch gave, and what was spent on it, within the weeks that are shown.

    `repo` is empty for credit that was spent on what the ledger does not name.
    """

    repo: str
    granted: int
    spent: int


@dataclass(frozen=True)
class Launched:
    """A launch and what became of its mails; those are forgotten a month after they were sent."""

    launch: Launch
    credited: int
    mails: int
    sent: int
    waiting: int
    given_up: int

    @property
    def price_of_1k(self) -> int:
        """Of 1,000 images, in µ$."""
        return self.launch.micro_usd_per_image * 1000


# --- by week ------------------------------------------------------------------------------------


def first_monday(now: datetime) -> date:
    """The Monday on which the weeks that are shown begin."""
    today = now.astimezone(UTC).date()
    return today - timedelta(days=today.weekday(), weeks=WEEKS - 1)


def weeks(now: datetime) -> list[Week]:
    """The last twelve weeks, the oldest first, the one that runs last. Six queries."""
    first = first_monday(now)
    found: dict[date, dict[str, int]] = {}
    for counted in _counted(_midnight(first)):
        for row in counted:
            monday = row.pop("monday").date()
            found.setdefault(monday, {}).update({name: n or 0 for name, n in row.items()})
    mondays = [first + timedelta(weeks=n) for n in range(WEEKS)]
    return [Week(monday, **found.get(monday, {})) for monday in mondays]


def _counted(since: datetime) -> Iterable[Iterable[dict[str, Any]]]:
    votes = {
        "votes": Count("pk", filter=NOT_SET_ASIDE),
        "set_aside": Count("pk", filter=SET_ASIDE),
    }
    money = {
        "granted": Sum("balance_effect_micro_usd", filter=Q(kind=Kind.GRANT)),
        "spent": -Sum("balance_effect_micro_usd", filter=Q(kind=Kind.CAPTURE)),
    }
    waiting = WaitlistEntry.objects.all()
    return [
        _by_week(User.objects.all(), "date_joined", since, signed_up=Count("pk")),
        _by_week(_wallets_of_confirmed(), "created_at", since, confirmed=Count("pk")),
        _by_week(Vote.objects.all(), "voted_at", since, **votes),
        _by_week(waiting, "asked_at", since, asked=Count("pk")),
        _by_week(waiting, "confirmed_at", since, joined=Count("pk")),
        _by_week(_ledger(), "created_at", since, **money),
    ]


def _by_week(
    rows: "QuerySet[Any]", moment: str, since: datetime, **sums: Any
) -> Iterable[dict[str, Any]]:
    lately = rows.filter(**{f"{moment}__gte": since}).order_by()
    by_week = lately.annotate(monday=TruncWeek(moment, tzinfo=UTC)).values("monday")
    return list(by_week.annotate(**sums))


def _wallets_of_confirmed() -> "QuerySet[Wallet]":
    """A wallet is made when its person's address is confirmed: nothing else notes that moment."""
    confirmed = EmailAddress.objects.filter(user=OuterRef("user"), verified=True)
    return Wallet.objects.filter(Exists(confirmed))


def _ledger() -> "QuerySet[Entry]":
    return Entry.objects.filter(kind__in=[Kind.GRANT, Kind.CAPTURE])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


# --- by model -----------------------------------------------------------------------------------


def wanted(as_of: date) -> list[Wanted]:
    """The first twenty of the board, as the board ranks them."""
    return [
        Wanted(rank, card, _of(card, "votes_counted"), _of(card, "waiting"), board.score_of(card))
        for rank, card in enumerate(board.ranked(as_of)[:MODELS], start=1)
    ]


def _of(card: ModelCard, annotation: str) -> int:
    return int(getattr(card, annotation))


def earned(now: datetime) -> list[Earned]:
    """The twenty models with the most credit spent or given since the first Monday shown."""
    of_launch = Q(kind=Kind.GRANT) & ~Q(model="")
    by_model = (
        Entry.objects.filter(
            Q(kind=Kind.CAPTURE) | of_launch, created_at__gte=_midnight(first_monday(now))
        )
        .order_by()
        .values("model")
        .annotate(
            granted=Coalesce(Sum("balance_effect_micro_usd", filter=of_launch), 0),
            spent=-Coalesce(Sum("balance_effect_micro_usd", filter=Q(kind=Kind.CAPTURE)), 0),
        )
        .order_by("-spent", "-granted", "model")
    )
    return [Earned(row["model"], row["granted"], row["spent"]) for row in by_model[:MODELS]]


# --- launches -----------------------------------------------------------------------------------


def launches() -> list[Launched]:
    """The latest launches with how many were given credit and told. Three queries."""
    latest = list(Launch.objects.select_related("card").order_by("-launched_at")[:MOST_LAUNCHES])
    mails = _mails([each.card_id for each in latest])
    credited = _credited([each.card.repo for each in latest])
    return [
        Launched(
            launch=each,
            credited=credited.get(each.card.repo, 0),
            **(mails.get(each.card_id) or dict.fromkeys(MAIL_COUNTS, 0)),
        )
        for each in latest
    ]


MAIL_COUNTS = [each.name for each in fields(Launched) if each.name not in {"launch", "credited"}]


class Part(Func):
    """The n-th part of a mail's key, counted from 1."""

    function = "split_part"
    output_field = CharField()


def _mails(cards: list[int]) -> Mapping[int, dict[str, int]]:
    """By the key that `launches` gives its mails: `waitlist:<subscriber>:launch:<card>`."""
    rows = (
        Mail.objects.filter(key__contains=":launch:")
        .order_by()
        .annotate(card=Part("key", Value(":"), Value(4)))
        .filter(card__in=[str(card) for card in cards])
        .values("card")
        .annotate(
            mails=Count("pk"),
            sent=Count("pk", filter=Q(state=MailState.SENT)),
            waiting=Count("pk", filter=Q(state=MailState.WAITING)),
            given_up=Count("pk", filter=Q(state=MailState.GIVEN_UP)),
        )
    )
    counts: list[dict[str, Any]] = [dict(row) for row in rows]
    return {int(row.pop("card")): row for row in counts}


def _credited(repos: list[str]) -> Mapping[str, int]:
    grants = Entry.objects.filter(kind=Kind.GRANT, model__in=repos).order_by().values("model")
    return {row["model"]: row["n"] for row in grants.annotate(n=Count("pk"))}
