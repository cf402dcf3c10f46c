"""The last day by hours and the last month by days, of each part and each model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from django.db.models import Count, Max, Sum
from django.db.models.functions import TruncDay
from django.utils import timezone

from catalog.models import ModelCard, PeriodicTask
from catalog.numbers.formatting import duration
from inference.models import Job, Part, StatusHour
from inference.status.recording import EVERY

HOURS, DAYS = 24, 30
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# So long after the last look the page says that nobody looks.
STALE_AFTER = 3 * EVERY
DOWN_FROM = 0.5


class Condition(StrEnum):
    UP = "up"
    PARTLY = "partly"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Period:
    """An hour or a day: how often was looked, how often in vain."""

    start: datetime
    checks: int = 0
    failed_checks: int = 0

    @property
    def condition(self) -> Condition:
        if not self.checks:
            return Condition.UNKNOWN
        if not self.failed_checks:
            return Condition.UP
        return Condition.DOWN if self.failed_share >= DOWN_FROM else Condition.PARTLY

    @property
    def failed_share(self) -> float:
        return self.failed_checks / self.checks if self.checks else 0.0


@dataclass(frozen=True)
class Latest:
    """Of the last hour in which jobs of a model ended."""

    hour: datetime
    wait_p50_ms: int
    wait_p95_ms: int

    @property
    def half_waited(self) -> str:
        return duration(self.wait_p50_ms)

    @property
    def most_waited(self) -> str:
        return duration(self.wait_p95_ms)


@dataclass(frozen=True)
class Record:
    """One line of the page. `is_up` is None while nobody has looked lately."""

    name: str
    address: str
    is_up: bool | None
    hours: Sequence[Period]
    days: Sequence[Period]
    waiting: int = 0
    jobs: int = 0
    failed_jobs: int = 0
    latest: Latest | None = None

    @property
    def up_share(self) -> float | None:
        """Of all looks of the days shown."""
        checks = sum(day.checks for day in self.days)
        failed = sum(day.failed_checks for day in self.days)
        return 1 - failed / checks if checks else None

    @property
    def failed_share(self) -> float | None:
        """Of the jobs of the hours shown."""
        return self.failed_jobs / self.jobs if self.jobs else None


@dataclass(frozen=True)
class History:
    checked_at: datetime | None
    parts: Sequence[Record]
    models: Sequence[Record]

    @property
    def is_current(self) -> bool:
        return self.checked_at is not None and self.checked_at > timezone.now() - STALE_AFTER

    @property
    def down(self) -> list[str]:
        return [each.name for each in (*self.parts, *self.models) if each.is_up is False]


# The part's name, or the primary key of the model's card.
Key: TypeAlias = str | int


def load() -> History:
    """In five queries, however many models there are; days are added up by the database."""
    now = timezone.now()
    days, checked_at = _days(now)
    hours: dict[Key, list[StatusHour]] = {}
    for row in StatusHour.objects.filter(hour__gte=_first_hour(now)).order_by("hour"):
        hours.setdefault(row.card_id or row.part, []).append(row)

    is_swept = not PeriodicTask.objects.late().filter(name="sweep").exists()

    def record(key: Key, name: str, address: str = "", waiting: int = 0) -> Record:
        lately = hours.get(key, [])
        # Who writes down how the site is can't write that nobody works.
        is_stopped = key == Part.JOBS and not is_swept
        return Record(
            name=name,
            address=address,
            is_up=False if is_stopped else _is_up(lately, now),
            hours=_periods(map(_period_of, lately), _first_hour(now), HOUR, HOURS),
            days=_periods(days[key], _first_day(now), DAY, DAYS),
            waiting=waiting,
            jobs=sum(row.jobs for row in lately),
            failed_jobs=sum(row.failed_jobs for row in lately),
            latest=_latest(lately),
        )

    queued = Job.objects.queued().interactive().order_by()
    waiting = dict(queued.values_list("card").annotate(Count("pk")))
    cards = ModelCard.objects.filter(pk__in=[key for key in days if isinstance(key, int)])
    return History(
        checked_at,
        parts=[record(str(part), part.label) for part in Part if part in days],
        models=[
            record(card.pk, card.name, card.get_absolute_url(), waiting.get(card.pk, 0))
            for card in cards.only("repo", "name").order_by("repo")
        ],
    )


def _days(now: datetime) -> tuple[dict[Key, list[Period]], datetime | None]:
    """What was checked in the days shown, by part and model, and when it was checked last.

    A model that nobody serves any more leaves the page with its last check.
    """
    checked = StatusHour.objects.filter(hour__gte=_first_day(now), checks__gt=0)
    rows = checked.values("card", "part", day=TruncDay("hour", tzinfo=UTC)).annotate(
        checks=Sum("checks"), failed_checks=Sum("failed_checks"), last=Max("checked_at")
    )
    days: dict[Key, list[Period]] = {}
    for row in rows:
        period = Period(row["day"], row["checks"], row["failed_checks"])
        days.setdefault(row["card"] or row["part"], []).append(period)
    return days, max((row["last"] for row in rows), default=None)


def _is_up(lately: Sequence[StatusHour], now: datetime) -> bool | None:
    checked = [row for row in lately if row.checks]
    if not checked or checked[-1].checked_at < now - STALE_AFTER:
        return None
    return checked[-1].was_up


def _periods(
    known: Iterable[Period], first: datetime, length: timedelta, count: int
) -> list[Period]:
    """`count` of them from `first` on, those without checks included."""
    by_start = {period.start: period for period in known}
    starts = (first + number * length for number in range(count))
    return [by_start.get(start, Period(start)) for start in starts]


def _period_of(row: StatusHour) -> Period:
    return Period(row.hour, row.checks, row.failed_checks)


def _latest(rows: Sequence[StatusHour]) -> Latest | None:
    for row in reversed(rows):
        if row.wait_p50_ms is not None and row.wait_p95_ms is not None:
            return Latest(row.hour, row.wait_p50_ms, row.wait_p95_ms)
    return None


def _first_hour(now: datetime) -> datetime:
    return _hour_of(now) - (HOURS - 1) * HOUR


def _first_day(now: datetime) -> datetime:
    return _hour_of(now).replace(hour=0) - (DAYS - 1) * DAY


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
