"""What the workers are doing: queues, waits, batches, errors, and who lives, for the staff's page.

All from the job table and the workers' heartbeats, in six queries, and kept for a few seconds,
however many people look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Min, Sum
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from inference.models import WORKER_SILENT_AFTER, Job, State, Worker

KEPT_S = 3
MINUTES = 60
WINDOWS = {"10 minutes": 600, "hour": 3600}
# Workers that fell silent stay in sight for a while: somebody may wonder where they went.
SHOWN_FOR = timedelta(hours=1)

PACES = """
SELECT card.repo, spell.seconds, count(*),
    coalesce(sum(image_count) FILTER (WHERE state = 'succeeded'), 0),
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY
        extract(epoch FROM started_at - job.created_at)) FILTER (WHERE state = 'succeeded'),
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY
        extract(epoch FROM finished_at - started_at)) FILTER (WHERE state = 'succeeded')
FROM inference_job AS job
JOIN catalog_modelcard AS card ON card.id = job.card_id
JOIN unnest(%s::int[]) AS spell(seconds) ON finished_at > now() - spell.seconds * interval '1 s'
WHERE finished_at > now() - %s * interval '1 s'
GROUP BY card.repo, spell.seconds
"""
# Jobs of one batch were claimed by one worker in one statement.
BATCHES = """
SELECT least(ceil(log(2, images)), 10)::int AS doubled, count(*) FROM (
    SELECT sum(image_count) AS images FROM inference_job
    WHERE finished_at > now() - interval '1 hour' AND started_at IS NOT NULL
    GROUP BY worker, started_at
) AS batch WHERE images > 0 GROUP BY doubled ORDER BY doubled
"""
MINUTE_BY_MINUTE = """
SELECT floor(extract(epoch FROM now() - finished_at) / 60)::int AS ago, sum(image_count)
FROM inference_job
WHERE finished_at > now() - interval '1 hour' AND state = 'succeeded'
GROUP BY ago
"""


@dataclass(frozen=True)
class Middle:
    """Half of all took no longer than `p50_s` seconds, 95 of 100 no longer than `p95_s`."""

    p50_s: float
    p95_s: float


@dataclass(frozen=True)
class Pace:
    """What a model's workers did in one spell of time."""

    jobs: int
    images_per_s: float
    wait: Middle | None
    run: Middle | None


@dataclass(frozen=True)
class Line:
    """One model: what waits, what runs, and its pace in the last ten minutes and the last hour."""

    repo: str
    queued: int = 0
    queued_images: int = 0
    running: int = 0
    oldest: datetime | None = None
    lately: Pace | None = None
    hour: Pace | None = None


@dataclass(frozen=True)
class Failures:
    """How many jobs of a model failed for one reason within the hour."""

    repo: str
    code: str
    jobs: int


@dataclass(frozen=True)
class Fleet:
    """The page: models, images/s of each of the last 60 minutes (the latest last), batches.

    `batches`: (most pictures, how many batches) by powers of two.
    """

    at: datetime
    lines: Sequence[Line]
    images_per_s: Sequence[float]
    batches: Sequence[tuple[int, int]]
    failures: Sequence[Failures]
    workers: Sequence[Worker]

    @property
    def alive(self) -> int:
        return sum(is_alive(worker, at=self.at) for worker in self.workers)


def is_alive(worker: Worker, *, at: datetime) -> bool:
    return worker.seen_at > at - WORKER_SILENT_AFTER


def look() -> Fleet:
    """The fleet as it is, or was a few seconds ago."""
    found: Fleet | None = cache.get("fleet")
    if found is None:
        found = _look()
        cache.set("fleet", found, timeout=KEPT_S)
    return found


def _look() -> Fleet:
    paces = _paces()
    queues = _open_jobs()
    repos = sorted({repo for repo, _ in paces} | queues.keys())
    return Fleet(
        at=timezone.now(),
        lines=[_line(repo, queues.get(repo, {}), paces) for repo in repos],
        images_per_s=_images_per_s(),
        batches=[(2**doubled, count) for doubled, count in _rows(BATCHES)],
        failures=_failures(),
        workers=list(Worker.objects.filter(seen_at__gt=Now() - SHOWN_FOR).order_by("name")),
    )


def _line(repo: str, waiting: dict[str, Any], paces: dict[tuple[str, int], Pace]) -> Line:
    lately, hour = (paces.get((repo, seconds)) for seconds in WINDOWS.values())
    return Line(repo, **waiting, lately=lately, hour=hour)


def _open_jobs() -> dict[str, dict[str, Any]]:
    """The fields of each model's line that come from jobs not yet final."""
    found: dict[str, dict[str, Any]] = {}
    # Apart: each has an index of its own, and all final jobs are not looked through.
    for row in (
        Job.objects.queued()
        .order_by()
        .values("card__repo")
        .annotate(jobs=Count("pk"), images=Coalesce(Sum("image_count"), 0), at=Min("created_at"))
    ):
        found[row["card__repo"]] = {
            "queued": row["jobs"],
            "queued_images": row["images"],
            "oldest": row["at"],
        }
    running = Job.objects.running().order_by().values("card__repo").annotate(jobs=Count("pk"))
    for each in running:
        found.setdefault(each["card__repo"], {})["running"] = each["jobs"]
    return found


def _paces() -> dict[tuple[str, int], Pace]:
    spells = list(WINDOWS.values())
    return {
        (repo, seconds): Pace(jobs, float(images) / seconds, _middle(wait), _middle(run))
        for repo, seconds, jobs, images, wait, run in _rows(PACES, [spells, max(spells)])
    }


def _middle(percentiles: Sequence[float] | None) -> Middle | None:
    return Middle(*map(float, percentiles)) if percentiles else None


def _images_per_s() -> list[float]:
    counted = dict(_rows(MINUTE_BY_MINUTE))
    return [float(counted.get(ago, 0)) / 60 for ago in reversed(range(MINUTES))]


def _failures() -> list[Failures]:
    failed = Job.objects.filter(state=State.FAILED, finished_at__gt=Now() - timedelta(hours=1))
    counted = failed.order_by().values_list("card__repo", "error_code").annotate(Count("pk"))
    return sorted((Failures(*row) for row in counted), key=lambda each: -each.jobs)


# Whatever columns the statement names.
def _rows(statement: str, parameters: Sequence[int | list[int]] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        return list(cursor.fetchall())
