"""What became of each launch: credit given, mails sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from accounts.models import Entry, EntryKind
from catalog.models import Launch, Mail, MailState, ModelCard

MAX_LAUNCHES = 20


@dataclass(frozen=True)
class MailCounts:
    mails: int = 0
    sent: int = 0
    waiting: int = 0
    given_up: int = 0


@dataclass(frozen=True)
class LaunchOutcome:
    """A launch and what became of its mails; those are forgotten a month after they were sent."""

    launch: Launch
    credited: int
    mail: MailCounts

    @property
    def micro_usd_per_1k_images(self) -> int:
        return self.launch.nano_usd_per_image  # a thousand images, a thousandth of the unit


def recent() -> list[LaunchOutcome]:
    """The latest launches. Three queries."""
    latest = Launch.objects.select_related("card").order_by("-launched_at")
    return _outcomes(list(latest[:MAX_LAUNCHES]))


def of(card: ModelCard) -> LaunchOutcome | None:
    """What became of the launch of this model; None: it was never launched."""
    outcomes = _outcomes(list(Launch.objects.select_related("card").filter(card=card)))
    return outcomes[0] if outcomes else None


def _outcomes(launches: list[Launch]) -> list[LaunchOutcome]:
    credited = _credited([launch.card.repo for launch in launches])
    mails = _mails(launches)
    return [
        LaunchOutcome(
            launch,
            credited=credited.get(launch.card.repo, 0),
            mail=mails.get(launch.pk, MailCounts()),
        )
        for launch in launches
    ]


def _credited(repos: Sequence[str]) -> Mapping[str, int]:
    grants = Entry.objects.filter(kind=EntryKind.GRANT, model__in=repos).order_by().values("model")
    return {row["model"]: row["n"] for row in grants.annotate(n=Count("pk"))}


def _mails(launches: Sequence[Launch]) -> Mapping[int, MailCounts]:
    rows = (
        Mail.objects.filter(launch__in=launches)
        .order_by()
        .values("launch")
        .annotate(
            mails=Count("pk"),
            sent=Count("pk", filter=Q(state=MailState.SENT)),
            waiting=Count("pk", filter=Q(state=MailState.WAITING)),
            given_up=Count("pk", filter=Q(state=MailState.GIVEN_UP)),
        )
    )
    counts: list[dict[str, Any]] = [dict(row) for row in rows]
    return {row.pop("launch"): MailCounts(**row) for row in counts}
