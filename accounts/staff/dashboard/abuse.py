"""What looks like one person with many faces. It is shown, never acted on: support decides.

A network is an IPv4 address or an IPv6 /64, and is shown as a keyed hash only. A network of a
person is that of the sessions that are still kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from allauth.usersessions.models import UserSession
from disposable_email_domains import blocklist
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import CharField, Count, F, Func, Q, QuerySet
from django.db.models.functions import TruncHour
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import urlencode

from accounts.models import User
from catalog.email_addresses import PROVIDERS
from catalog.models import Subscriber, Vote, WaitlistEntry

What = Literal["accounts", "votes", "asks"]

DAYS = 30
# As many within an hour, from one place, are worth a look.
MANY: dict[What, int] = {"accounts": 5, "votes": 20, "asks": 10}
MOST_SHOWN = 50
MOST_IN_A_LINK = 200
HASH_DIGITS = 12
# At these providers everybody has a mailbox: many of one domain say nothing.
EVERYBODYS = [
    *PROVIDERS,
    "aol.com",
    "gmx.de",
    "gmx.net",
    "mail.ru",
    "qq.com",
    "163.com",
    "web.de",
    "yahoo.com",
    "yandex.ru",
]

LISTS: dict[What, str] = {
    "accounts": "admin:accounts_user_changelist",
    "votes": "admin:catalog_vote_changelist",
    "asks": "admin:catalog_waitlistentry_changelist",
}


class Domain(Func):
    """What follows an address's @, in small letters."""

    template = "lower(split_part(%(expressions)s, '@', 2))"
    output_field = CharField()


class Network(Func):
    """An IPv4 address, or the /64 that one household or machine has of IPv6; as text."""

    template = (
        "host(CASE family(%(expressions)s) WHEN 6"
        " THEN network(set_masklen(%(expressions)s, 64)) ELSE %(expressions)s END)"
    )
    output_field = CharField()


@dataclass(frozen=True)
class ThrownAway:
    """A domain whose mailboxes anybody opens for ten minutes, and who came with it."""

    domain: str
    accounts: int
    votes: int
    waiting: int

    @property
    def links(self) -> dict[What, str]:
        """Where the admin lists them."""
        return {what: _found(what, self.domain) for what in LISTS}


@dataclass(frozen=True)
class Burst:
    """Much of one kind from one place, within the hour that begins at `hour`."""

    what: What
    place: str
    hour: datetime
    count: int
    link: str
    is_disposable: bool = False


def is_disposable(domain: str) -> bool:
    """Whether the domain, or one above it, is known for mailboxes that are thrown away.

    >>> is_disposable("mailinator.com"), is_disposable("a.mailinator.com"), is_disposable("com")
    (True, True, False)
    """
    parts = domain.split(".")
    return any(".".join(parts[start:]) in blocklist for start in range(len(parts) - 1))


# --- mailboxes that are thrown away -------------------------------------------------------------


def disposable(now: datetime) -> list[ThrownAway]:
    """Disposable domains of the last DAYS, the most used first. Two queries."""
    since = now - timedelta(days=DAYS)
    people = (
        User.objects.filter(date_joined__gte=since)
        .order_by()
        .values(domain=Domain("email"))
        .annotate(
            accounts=Count("pk", distinct=True),
            counted=Count("votes", filter=Q(votes__is_set_aside=False)),
        )
    )
    waiting = (
        Subscriber.objects.filter(created_at__gte=since)
        .order_by()
        .values(domain=Domain("email"))
        .annotate(waiting=Count("pk"))
    )
    came = {row["domain"]: (row["accounts"], row["counted"]) for row in people}
    waits = {row["domain"]: row["waiting"] for row in waiting}
    rows = [
        ThrownAway(domain, *came.get(domain, (0, 0)), waits.get(domain, 0))
        for domain in came.keys() | waits.keys()
        if is_disposable(domain)
    ]
    return sorted(rows, key=lambda row: (-row.accounts, -row.waiting, row.domain))[:MOST_SHOWN]


# --- much at once -------------------------------------------------------------------------------


def bursts(now: datetime) -> list[Burst]:
    """Of the last DAYS, the newest first. Six queries."""
    since = now - timedelta(days=DAYS)
    found = [*_by_domain(since), *_by_network(since), *_asks_by_network(since)]
    return sorted(found, key=lambda burst: (burst.hour, burst.count), reverse=True)[:MOST_SHOWN]


def _by_domain(since: datetime) -> Iterator[Burst]:
    entries = WaitlistEntry.objects.filter(asked_at__gte=since)
    sources: list[tuple[What, QuerySet[Any], str, str]] = [
        ("accounts", User.objects.filter(date_joined__gte=since), "date_joined", "email"),
        ("votes", Vote.objects.filter(voted_at__gte=since), "voted_at", "user__email"),
        ("asks", entries, "asked_at", "subscriber__email"),
    ]
    for what, rows, moment, email in sources:
        placed = rows.annotate(place=Domain(email)).exclude(place__in=EVERYBODYS)
        for row in _many(what, placed.filter(place__gt=""), moment):
            domain = row["place"]
            yield Burst(
                what,
                f"@{domain}",
                row["hour"],
                row["count"],
                _found(what, domain),
                is_disposable=is_disposable(domain),
            )


def _by_network(since: datetime) -> Iterator[Burst]:
    """Accounts by the session they began with, votes by any session of who cast them."""
    begun = UserSession.objects.filter(
        created_at__gte=since, created_at__lt=F("user__date_joined") + timedelta(hours=1)
    )
    cast = UserSession.objects.filter(user__votes__voted_at__gte=since)
    sources: list[tuple[What, QuerySet[Any], str, str, str]] = [
        ("accounts", begun, "created_at", "user", "id__in"),
        ("votes", cast, "user__votes__voted_at", "user__votes", "user__in"),
    ]
    for what, rows, moment, counted, lookup in sources:
        placed = rows.annotate(place=Network("ip"))
        for row in _many(what, placed, moment, counted=counted, people="user"):
            people = ",".join(map(str, row["people"][:MOST_IN_A_LINK]))
            link = _listed(what, {lookup: people})
            yield Burst(what, _hashed(row["place"]), row["hour"], row["count"], link)


def _asks_by_network(since: datetime) -> Iterator[Burst]:
    """What the waitlist keeps of where somebody asked from is a hash already."""
    asked = WaitlistEntry.objects.filter(asked_at__gte=since).exclude(consent_address_sha256="")
    for row in _many("asks", asked.annotate(place=F("consent_address_sha256")), "asked_at"):
        digest = row["place"]
        link = _listed("asks", {"consent_address_sha256": digest})
        yield Burst("asks", _shown(digest), row["hour"], row["count"], link)


def _many(
    what: What, rows: "QuerySet[Any]", moment: str, *, counted: str = "pk", people: str = ""
) -> list[dict[str, Any]]:
    """Places and hours with at least MANY; with who, if the rows know `people`."""
    by_hour = rows.order_by().annotate(hour=TruncHour(moment, tzinfo=UTC)).values("place", "hour")
    sums: dict[str, Any] = {"count": Count(counted, distinct=True)}
    if people:
        sums["people"] = ArrayAgg(people, distinct=True)
    many = by_hour.annotate(**sums).filter(count__gte=MANY[what])
    return list(many.order_by("-hour", "-count")[:MOST_SHOWN])


def _hashed(network: str) -> str:
    return _shown(salted_hmac("accounts.network", network, algorithm="sha256").hexdigest())


def _shown(digest: str) -> str:
    return f"network {digest[:HASH_DIGITS]}"


def _found(what: What, domain: str) -> str:
    return _listed(what, {"q": f"@{domain}"})


def _listed(what: What, query: dict[str, str]) -> str:
    return f"{reverse(LISTS[what])}?{urlencode(query)}"
