"""The last day by hours and the last month by days, of each part and each model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.db.models import Count, Max
from django.utils import timezone

from catalog.models import ModelCard
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


def load() -> History:
    """In four queries, however many models there are."""
    now = timezone.now()
    checked_at = StatusHour.objects.filter(checks__gt=0).aggregate(at=Max("checked_at"))["at"]
    is_stale = checked_at is None or checked_at < now - STALE_AFTER
    rows: dict[str | int, list[StatusHour]] = {}
    since = _day_of(now) - (DAYS - 1) * DAY
    for row in StatusHour.objects.filter(hour__gte=since).order_by("hour"):
        rows.setdefault(row.card_id or row.part, []).append(row)
    return History(
        checked_at,
        parts=[_record(part.label, rows[part], now, is_stale) for part in Part if part in rows],
        models=_models(rows, now, is_stale),
    )


def _models(
    rows: Mapping[str | int, Sequence[StatusHour]], now: datetime, is_stale: bool
) -> list[Record]:
    cards = ModelCard.objects.filter(pk__in=[key for key in rows if isinstance(key, int)])
    waiting = dict(Job.objects.queued().order_by().values_list("card").annotate(Count("pk")))
    records = [
        _record(
            card.name,
            rows[card.pk],
            now,
            is_stale,
            address=card.get_absolute_url(),
            waiting=waiting.get(card.pk, 0),
        )
        for card in cards.only("repo", "name").order_by("repo")
    ]
    return [record for record in records if _was_seen(record)]


def _was_seen(record: Record) -> bool:
    # A model that nobody serves any more leaves the page with its last look.
    return any(day.checks for day in record.days)


def _record(
    name: str,
    rows: Sequence[StatusHour],
    now: datetime,
    is_stale: bool,
    *,
    address: str = "",
    waiting: int = 0,
) -> Record:
    """`rows` by hour, at least one."""
    first_hour = _hour_of(now) - (HOURS - 1) * HOUR
    lately = [row for row in rows if row.hour >= first_hour]
    looked = [row for row in rows if row.checks]
    is_seen = bool(looked) and not is_stale and looked[-1].checked_at > now - STALE_AFTER
    return Record(
        name=name,
        address=address,
        is_up=looked[-1].was_up if is_seen else None,
        hours=_periods(lately, first_hour, HOUR, HOURS),
        days=_periods(rows, _day_of(now) - (DAYS - 1) * DAY, DAY, DAYS),
        waiting=waiting,
        jobs=sum(row.jobs for row in lately),
        failed_jobs=sum(row.failed_jobs for row in lately),
        latest=_latest(lately),
    )


def _periods(
    rows: Iterable[StatusHour], start: datetime, length: timedelta, count: int
) -> list[Period]:
    checks, failed = [0] * count, [0] * count
    for row in rows:
        index = (row.hour - start) // length
        if 0 <= index < count:
            checks[index] += row.checks
            failed[index] += row.failed_checks
    return [Period(start + n * length, checks[n], failed[n]) for n in range(count)]


def _latest(rows: Sequence[StatusHour]) -> Latest | None:
    for row in reversed(rows):
        if row.wait_p50_ms is not None and row.wait_p95_ms is not None:
            return Latest(row.hour, row.wait_p50_ms, row.wait_p95_ms)
    return None


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _day_of(moment: datetime) -> datetime:
    return _hour_of(moment).replace(hour=0)
