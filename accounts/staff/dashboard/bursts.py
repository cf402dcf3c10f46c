"""Much activity from one domain or network within an hour. Shown, never acted on: support decides.

A network is an IPv4 address or an IPv6 /64, and is shown as a keyed hash only. A network of a
person is that of the sessions that are still kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import CharField, Count, F, Func, QuerySet
from django.db.models.functions import TruncHour
from django.utils.crypto import salted_hmac

from accounts.gifts.domains import LARGE_PROVIDERS, is_disposable
from accounts.models import User
from accounts.staff.dashboard import admin_links
from accounts.staff.dashboard.admin_links import Activity
from accounts.staff.dashboard.disposable_domains import DAYS, Domain
from catalog.models import Vote, WaitlistEntry

# As many within an hour, from one origin, are worth a look.
THRESHOLDS: dict[Activity, int] = {"accounts": 5, "votes": 20, "waitlist": 10}
MAX_BURSTS = 50
# Ids stand in the link's query, and a URL has its limits.
MAX_IDS_IN_LINK = 200
HASH_DIGITS = 12


class Network(Func):
    """An IPv4 address, or the /64 that one household or machine has of IPv6; as text."""

    template = (
        "host(CASE family(%(expressions)s) WHEN 6"
        " THEN network(set_masklen(%(expressions)s, 64)) ELSE %(expressions)s END)"
    )
    output_field = CharField()


@dataclass(frozen=True)
class Burst:
    """`count` of one activity from one origin, within the hour that begins at `hour`."""

    activity: Activity
    origin: str
    hour: datetime
    count: int
    link: str
    is_disposable: bool = False


def recent(now: datetime) -> list[Burst]:
    """Of the last DAYS, the newest first. Six queries."""
    since = now - timedelta(days=DAYS)
    bursts = [*_by_domain(since), *_by_network(since), *_waitlist_by_network(since)]
    bursts.sort(key=lambda burst: (burst.hour, burst.count), reverse=True)
    return bursts[:MAX_BURSTS]


def _by_domain(since: datetime) -> Iterator[Burst]:
    entries = WaitlistEntry.objects.filter(requested_at__gte=since)
    sources: list[tuple[Activity, QuerySet[Any], str, str]] = [
        ("accounts", User.objects.filter(date_joined__gte=since), "date_joined", "email"),
        ("votes", Vote.objects.filter(voted_at__gte=since), "voted_at", "user__email"),
        ("waitlist", entries, "requested_at", "subscriber__email"),
    ]
    for activity, rows, moment, email in sources:
        with_origin = rows.annotate(origin=Domain(email)).exclude(origin__in=LARGE_PROVIDERS)
        for row in _above_threshold(activity, with_origin.filter(origin__gt=""), moment):
            domain = row["origin"]
            link = admin_links.of_domain(activity, domain)
            yield _burst(activity, f"@{domain}", row, link, is_disposable=is_disposable(domain))


def _by_network(since: datetime) -> Iterator[Burst]:
    """Accounts by the session they began with, votes by any session of who cast them."""
    first_sessions = UserSession.objects.filter(
        created_at__gte=since, created_at__lt=F("user__date_joined") + timedelta(hours=1)
    )
    sessions = UserSession.objects.filter(user__votes__voted_at__gte=since)
    sources: list[tuple[Activity, QuerySet[Any], str, str, str]] = [
        ("accounts", first_sessions, "created_at", "user", "id__in"),
        ("votes", sessions, "user__votes__voted_at", "user__votes", "user__in"),
    ]
    for activity, rows, moment, counted, lookup in sources:
        with_origin = rows.annotate(origin=Network("ip"))
        for row in _above_threshold(activity, with_origin, moment, counted=counted, people="user"):
            people = ",".join(map(str, row["people"][:MAX_IDS_IN_LINK]))
            link = admin_links.changelist(activity, {lookup: people})
            yield _burst(activity, _network_name(_hash(row["origin"])), row, link)


def _waitlist_by_network(since: datetime) -> Iterator[Burst]:
    # What the waitlist keeps of where somebody asked from is a hash already.
    digest = "consent_address_sha256"
    entries = WaitlistEntry.objects.filter(requested_at__gte=since).exclude(**{digest: ""})
    for row in _above_threshold("waitlist", entries.annotate(origin=F(digest)), "requested_at"):
        link = admin_links.changelist("waitlist", {digest: row["origin"]})
        yield _burst("waitlist", _network_name(row["origin"]), row, link)


def _burst(
    activity: Activity, origin: str, row: dict[str, Any], link: str, *, is_disposable: bool = False
) -> Burst:
    return Burst(activity, origin, row["hour"], row["count"], link, is_disposable)


def _above_threshold(
    activity: Activity,
    rows: "QuerySet[Any]",
    moment: str,
    *,
    counted: str = "pk",
    people: str = "",
) -> list[dict[str, Any]]:
    """Origins and hours with at least THRESHOLDS; with who, if the rows know `people`."""
    by_hour = rows.order_by().annotate(hour=TruncHour(moment, tzinfo=UTC)).values("origin", "hour")
    # Distinct: a person with several sessions joins each of their votes several times.
    sums: dict[str, Any] = {"count": Count(counted, distinct=True)}
    if people:
        sums["people"] = ArrayAgg(people, distinct=True)
    many = by_hour.annotate(**sums).filter(count__gte=THRESHOLDS[activity])
    return list(many.order_by("-hour", "-count")[:MAX_BURSTS])


def _hash(network: str) -> str:
    return salted_hmac("accounts.network", network, algorithm="sha256").hexdigest()


def _network_name(digest: str) -> str:
    return f"network {digest[:HASH_DIGITS]}"
