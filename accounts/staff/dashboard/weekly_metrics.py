"""What came in week by week. Weeks begin on Mondays at 00:00 UTC. Sums of money are µ$."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncWeek

from accounts.models import Entry, EntryKind, User, Wallet
from catalog.models import Vote, WaitlistEntry

WEEKS = 12


@dataclass(frozen=True)
class Week:
    """One week, by its Monday. Accounts and addresses that were deleted since are not in it."""

    monday: date
    signed_up: int = 0
    confirmed: int = 0
    votes: int = 0
    votes_set_aside: int = 0
    waitlist_asked: int = 0
    waitlist_confirmed: int = 0
    granted: int = 0
    spent: int = 0


def first_monday(now: datetime) -> date:
    today = now.astimezone(UTC).date()
    return today - timedelta(days=today.weekday(), weeks=WEEKS - 1)


def first_moment(now: datetime) -> datetime:
    return datetime.combine(first_monday(now), time.min, tzinfo=UTC)


def weeks(now: datetime) -> list[Week]:
    """The last twelve weeks, the oldest first, the one that runs last. Six queries."""
    counts: dict[date, dict[str, int]] = {}
    for rows in _counts(first_moment(now)):
        for row in rows:
            monday = row.pop("monday").date()
            # A sum of no rows is NULL.
            counts.setdefault(monday, {}).update({name: n or 0 for name, n in row.items()})
    mondays = [first_monday(now) + timedelta(weeks=n) for n in range(WEEKS)]
    return [Week(monday, **counts.get(monday, {})) for monday in mondays]


def _counts(since: datetime) -> Iterable[Iterable[dict[str, Any]]]:
    votes = {
        "votes": Count("pk", filter=Q(is_set_aside=False)),
        "votes_set_aside": Count("pk", filter=Q(is_set_aside=True)),
    }
    money = {
        "granted": Sum("balance_effect_micro_usd", filter=Q(kind=EntryKind.GRANT)),
        "spent": -Sum("balance_effect_micro_usd", filter=Q(kind=EntryKind.CAPTURE)),
    }
    waitlist = WaitlistEntry.objects.all()
    ledger = Entry.objects.filter(kind__in=[EntryKind.GRANT, EntryKind.CAPTURE])
    return [
        _by_week(User.objects.all(), "date_joined", since, signed_up=Count("pk")),
        _by_week(_wallets_of_confirmed(), "created_at", since, confirmed=Count("pk")),
        _by_week(Vote.objects.all(), "voted_at", since, **votes),
        _by_week(waitlist, "requested_at", since, waitlist_asked=Count("pk")),
        _by_week(waitlist, "confirmed_at", since, waitlist_confirmed=Count("pk")),
        _by_week(ledger, "created_at", since, **money),
    ]


def _by_week(
    rows: "QuerySet[Any]", moment: str, since: datetime, **sums: Any
) -> Iterable[dict[str, Any]]:
    # order_by(): the model's own order would be grouped by, too.
    recent = rows.filter(**{f"{moment}__gte": since}).order_by()
    by_week = recent.annotate(monday=TruncWeek(moment, tzinfo=UTC)).values("monday")
    return list(by_week.annotate(**sums))


def _wallets_of_confirmed() -> "QuerySet[Wallet]":
    # A wallet is made when its person's address is confirmed: nothing else records that moment.
    confirmed = EmailAddress.objects.filter(user=OuterRef("user"), verified=True)
    return Wallet.objects.filter(Exists(confirmed))
