"""Domains where anybody opens a mailbox for ten minutes, and who came with them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import CharField, Count, Func, Q

from accounts.gifts.domains import is_disposable
from accounts.models import User
from accounts.staff.dashboard import admin_links
from accounts.staff.dashboard.admin_links import Activity
from catalog.models import Subscriber

DAYS = 30
MAX_DOMAINS = 50


class Domain(Func):
    template = "lower(split_part(%(expressions)s, '@', 2))"
    output_field = CharField()


@dataclass(frozen=True)
class DisposableDomain:
    domain: str
    accounts: int
    votes: int
    waiting: int

    @property
    def links(self) -> dict[Activity, str]:
        return {
            activity: admin_links.of_domain(activity, self.domain)
            for activity in admin_links.CHANGELISTS
        }


def recent(now: datetime) -> list[DisposableDomain]:
    """Of the last DAYS, the most used first. Two queries."""
    since = now - timedelta(days=DAYS)
    accounts, waiting = _accounts(since), _waiting(since)
    domains = [
        DisposableDomain(domain, *accounts.get(domain, (0, 0)), waiting.get(domain, 0))
        for domain in accounts.keys() | waiting.keys()
        if is_disposable(domain)
    ]
    domains.sort(key=lambda row: (-row.accounts, -row.waiting, row.domain))
    return domains[:MAX_DOMAINS]


def _accounts(since: datetime) -> dict[str, tuple[int, int]]:
    """By domain: accounts, and their votes that count."""
    rows = (
        User.objects.filter(date_joined__gte=since)
        .order_by()
        .values(domain=Domain("email"))
        .annotate(
            # The join with the votes repeats each account.
            accounts=Count("pk", distinct=True),
            counted=Count("votes", filter=Q(votes__is_set_aside=False)),
        )
    )
    return {row["domain"]: (row["accounts"], row["counted"]) for row in rows}


def _waiting(since: datetime) -> dict[str, int]:
    rows = (
        Subscriber.objects.filter(created_at__gte=since)
        .order_by()
        .values(domain=Domain("email"))
        .annotate(waiting=Count("pk"))
    )
    return {row["domain"]: row["waiting"] for row in rows}
