"""What the workers are doing: queues, waits, batches, errors, and who lives, for the staff's page.

All from the job table and the workers' heartbeats, in six queries, and cached for a few seconds,
however many people look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Min, Sum
from django.db.models.functions import Now
from django.utils import timezone

from inference.models import WORKER_SILENT_AFTER, Job, State, Worker

CACHE_KEY = "fleet-snapshot"
CACHE_S = 3
MINUTES = 60
WINDOWS = {"10 minutes": 600, "hour": 3600}
# Workers that fell silent are shown for a while: somebody may wonder where they went.
SHOW_SILENT_FOR = timedelta(hours=1)

# WHERE repeats the longest period as one bound: the join's condition alone, a bound per period,
# would not let PostgreSQL use the index on finished_at.
THROUGHPUT = """
SELECT card.repo, period.seconds, count(*),
    coalesce(sum(image_count) FILTER (WHERE state = 'succeeded'), 0),
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY
        extract(epoch FROM started_at - job.created_at))
        FILTER (WHERE state = 'succeeded' AND job.batch_id IS NULL),
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY
        extract(epoch FROM finished_at - started_at)) FILTER (WHERE state = 'succeeded')
FROM inference_job AS job
JOIN catalog_modelcard AS card ON card.id = job.card_id
JOIN unnest(%s::int[]) AS period(seconds) ON finished_at > now() - period.seconds * interval '1 s'
WHERE finished_at > now() - %s * interval '1 s'
GROUP BY card.repo, period.seconds
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
class Percentiles:
    """Half of all took no longer than `p50_s` seconds, 95 of 100 no longer than `p95_s`."""

    p50_s: float
    p95_s: float


@dataclass(frozen=True)
class Throughput:
    """Of one period; `wait` until a job was started, `run` from then on."""

    jobs: int
    images_per_s: float
    wait: Percentiles | None
    run: Percentiles | None


@dataclass(frozen=True)
class ModelStatus:
    repo: str
    queued: int = 0
    queued_images: int = 0
    running: int = 0
    oldest: datetime | None = None
    last_10_minutes: Throughput | None = None
    last_hour: Throughput | None = None


@dataclass(frozen=True)
class Failures:
    repo: str
    code: str
    jobs: int


@dataclass(frozen=True)
class Unserved:
    """A model that a worker should serve, and why it does not."""

    repo: str
    worker: str
    reason: str


@dataclass(frozen=True)
class FleetSnapshot:
    """`images_per_s`: of each of the last 60 minutes, the latest last.

    `batches`: (most images, how many batches) by powers of two.
    """

    at: datetime
    models: Sequence[ModelStatus]
    images_per_s: Sequence[float]
    batches: Sequence[tuple[int, int]]
    failures: Sequence[Failures]
    workers: Sequence[Worker]

    @property
    def unserved(self) -> list[Unserved]:
        # Also of workers that are silent: one that can serve nothing ends at once.
        return [
            Unserved(repo, worker.name, reason)
            for worker in self.workers
            for repo, reason in worker.failures.items()
        ]

    @property
    def alive(self) -> int:
        return sum(is_alive(worker, at=self.at) for worker in self.workers)


def is_alive(worker: Worker, *, at: datetime) -> bool:
    return worker.seen_at > at - WORKER_SILENT_AFTER


def current() -> FleetSnapshot:
    snapshot: FleetSnapshot | None = cache.get(CACHE_KEY)
    if snapshot is None:
        snapshot = _take()
        cache.set(CACHE_KEY, snapshot, timeout=CACHE_S)
    return snapshot


def _take() -> FleetSnapshot:
    throughput = _throughput()
    queues = _open_jobs()
    repos = sorted({repo for repo, _ in throughput} | queues.keys())
    return FleetSnapshot(
        at=timezone.now(),
        models=[_status(repo, queues.get(repo, {}), throughput) for repo in repos],
        images_per_s=_images_per_s(),
        batches=[(2**doubled, count) for doubled, count in _rows(BATCHES)],
        failures=_failures(),
        workers=list(Worker.objects.filter(seen_at__gt=Now() - SHOW_SILENT_FOR).order_by("name")),
    )


def _status(
    repo: str, open_jobs: dict[str, Any], throughput: dict[tuple[str, int], Throughput]
) -> ModelStatus:
    last_10_minutes, last_hour = (throughput.get((repo, seconds)) for seconds in WINDOWS.values())
    return ModelStatus(repo, **open_jobs, last_10_minutes=last_10_minutes, last_hour=last_hour)


def _open_jobs() -> dict[str, dict[str, Any]]:
    """The fields of each model's status that come from jobs not yet final."""
    statuses: dict[str, dict[str, Any]] = {}
    # Two queries: each has an index of its own, so that final jobs are not looked through.
    queued = Job.objects.queued().interactive().order_by().values_list("card__repo")
    for repo, jobs, images, oldest in queued.annotate(
        Count("pk"), Sum("image_count"), Min("created_at")
    ):
        statuses[repo] = {"queued": jobs, "queued_images": images, "oldest": oldest}
    running = Job.objects.running().order_by().values_list("card__repo").annotate(Count("pk"))
    for repo, jobs in running:
        statuses.setdefault(repo, {})["running"] = jobs
    return statuses


def _throughput() -> dict[tuple[str, int], Throughput]:
    periods = list(WINDOWS.values())
    return {
        (repo, seconds): Throughput(
            jobs, float(images) / seconds, _percentiles(wait), _percentiles(run)
        )
        for repo, seconds, jobs, images, wait, run in _rows(THROUGHPUT, [periods, max(periods)])
    }


def _percentiles(values: Sequence[float] | None) -> Percentiles | None:
    return Percentiles(*map(float, values)) if values else None


def _images_per_s() -> list[float]:
    images = dict(_rows(MINUTE_BY_MINUTE))  # by minutes ago; idle ones are missing
    return [float(images.get(ago, 0)) / 60 for ago in reversed(range(MINUTES))]


def _failures() -> list[Failures]:
    failed = Job.objects.filter(state=State.FAILED, finished_at__gt=Now() - timedelta(hours=1))
    rows = failed.order_by().values_list("card__repo", "error_code").annotate(Count("pk"))
    return sorted((Failures(*row) for row in rows), key=lambda failures: -failures.jobs)


# Whatever columns the statement names.
def _rows(statement: str, parameters: Sequence[int | list[int]] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        return list(cursor.fetchall())
