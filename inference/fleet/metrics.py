"""Figures for Prometheus, and so for autoscalers.

Those of the whole site are read from the database at each scrape, and any web process gives the
same; those of one process (config.watching) are its own, so each web process is scraped.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Min, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from redis.exceptions import RedisError

from catalog.infrastructure.outages import DATABASE_OUTAGES
from inference.fleet import backlog, counters, durations, parts, periodic_metrics
from inference.fleet.retentions import retentions
from inference.models import Job, JobCounter, State, Worker
from inference.outbound import outcomes

log = logging.getLogger(__name__)

# Upper bounds; the counters' own buckets are powers of two, too, so that none is split here.
BATCH_BUCKETS = [2**power for power in range(10)]


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For `Authorization: Bearer METRICS_TOKEN` only; without such a setting there is no page."""
    token = settings.METRICS_TOKEN
    if not token:
        raise Http404("METRICS_TOKEN is not set")
    authorization = request.headers.get("Authorization", "")
    if not constant_time_compare(authorization, f"Bearer {token}"):
        return HttpResponseForbidden("wrong token\n", content_type="text/plain")
    return HttpResponse(_site() + generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _site() -> bytes:
    """Of the whole site. With the database away there is one figure, and it says so."""
    registry = CollectorRegistry()
    try:
        registry.register(FleetCollector())
        return generate_latest(registry)
    except DATABASE_OUTAGES as error:
        log.warning("metrics without the database error=%r", error)
        registry = CollectorRegistry()
        registry.register(DatabaseAway())
        return generate_latest(registry)


class DatabaseAway(Collector):
    def collect(self) -> Iterator[Metric]:
        yield _database_up(False)


def _database_up(is_up: bool) -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "gigarouter_database_up", "Whether the database answered this scrape.", int(is_up)
    )


class FleetCollector(Collector):
    def describe(self) -> list[Metric]:
        """Nothing: a registry would otherwise collect once when it is told of this collector."""
        return []

    def collect(self) -> Iterator[Metric]:
        counters.count()
        yield _database_up(True)
        totals = counters.totals()
        workers = list(Worker.objects.alive())
        # A model that was ever served is always there, with zeros if need be: an autoscaler cannot
        # tell a series that is absent from one that is broken.
        repos = {repo for worker in workers for repo in worker.repos}
        repos |= {counter.card.repo for counter in totals}
        yield from _queue_metrics(repos)
        yield from _worker_metrics(repos, workers)
        yield _ended_jobs(totals)
        yield _scored_images(totals)
        yield _batch_sizes(totals)
        yield from durations.metrics()
        yield from backlog.metrics()
        yield from parts.metrics()
        yield from parts.ledger_metrics()
        yield _overdue()
        yield from periodic_metrics.collect()
        yield from _image_urls()


@dataclass
class _Queue:
    """One model's jobs that are not final."""

    queued: int = 0
    images: int = 0
    oldest_s: float = 0.0
    running: int = 0


def _queue_metrics(repos: set[str]) -> Iterator[Metric]:
    queues = _queues(repos).items()
    yield _gauge("queued_jobs", "Jobs that wait.", {repo: q.queued for repo, q in queues})
    yield _gauge("queued_images", "Pictures that wait.", {repo: q.images for repo, q in queues})
    yield _gauge(
        "oldest_wait_seconds",
        "Age of the job that waits longest; 0 if none does.",
        {repo: q.oldest_s for repo, q in queues},
    )
    yield _gauge("running_jobs", "Jobs that a worker has.", {repo: q.running for repo, q in queues})


def _queues(repos: set[str]) -> Mapping[str, _Queue]:
    queues: defaultdict[str, _Queue] = defaultdict(_Queue, {repo: _Queue() for repo in repos})
    now = timezone.now()
    queued = Job.objects.queued().interactive().order_by().values_list("card__repo")
    for repo, jobs, images, oldest in queued.annotate(
        Count("pk"), Sum("image_count"), Min("created_at")
    ):
        waited_s = max((now - oldest).total_seconds(), 0.0)
        queues[repo] = _Queue(jobs, images or 0, waited_s)
    running = Job.objects.running().order_by().values_list("card__repo")
    for repo, jobs in running.annotate(Count("pk")):
        queues[repo].running = jobs
    return queues


def _worker_metrics(repos: Iterable[str], workers: Sequence[Worker]) -> Iterator[Metric]:
    counts = dict.fromkeys(repos, 0)
    rates = dict.fromkeys(repos, 0.0)
    for worker in workers:
        for service in worker.services:
            counts[service.repo] += 1
            rates[service.repo] += service.images_per_s
    yield _gauge("workers", "Living workers that have the model loaded.", counts)
    yield _gauge(
        "worker_images_per_second", "What those do while they are busy, as a moving mean.", rates
    )


def _gauge(
    name: str, description: str, values: Mapping[str, float] | Mapping[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"gigarouter_{name}", description, labels=["model"])
    for repo, value in sorted(values.items()):
        family.add_metric([repo], value)
    return family


def _ended_jobs(totals: Sequence[JobCounter]) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "gigarouter_jobs", "Jobs that have ended.", labels=["model", "state", "error_code"]
    )
    jobs: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for counter in totals:
        jobs[counter.card.repo, counter.state, counter.error_code] += counter.jobs
    for labels, count in sorted(jobs.items()):
        family.add_metric(labels, count)
    return family


def _scored_images(totals: Sequence[JobCounter]) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "gigarouter_images", "Pictures of jobs that succeeded.", labels=["model"]
    )
    images: defaultdict[str, int] = defaultdict(int)
    for counter in totals:
        if counter.state == State.SUCCEEDED:
            images[counter.card.repo] += counter.images
    for repo, count in sorted(images.items()):
        family.add_metric([repo], count)
    return family


def _batch_sizes(totals: Sequence[JobCounter]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(
        "gigarouter_batch_size", "Jobs in the batch in which each job ran.", labels=["model"]
    )
    by_model: defaultdict[str, list[JobCounter]] = defaultdict(list)
    for counter in totals:
        if counter.batch_size is not None:
            by_model[counter.card.repo].append(counter)
    for repo, rows in sorted(by_model.items()):
        family.add_metric([repo], _cumulated(rows), sum(row.batch_size_sum for row in rows))
    return family


def _overdue() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "gigarouter_overdue_seconds",
        "How long the oldest row of each table should have been dealt with; 0 if none is late.",
        labels=["rows"],
    )
    for retention in retentions():
        family.add_metric([retention.name], retention.overdue_s())
    return family


def _image_urls() -> Iterator[CounterMetricFamily]:
    family = CounterMetricFamily(
        "gigarouter_image_urls", "Picture URLs by how fetching them ended.", labels=["outcome"]
    )
    try:
        for name, number in outcomes.totals().items():
            family.add_metric([name], number)
    except RedisError:  # the other figures are no less true
        return
    yield family


def _cumulated(rows: Sequence[JobCounter]) -> list[tuple[str, float]]:
    # Prometheus counts in each bucket all that is in the smaller ones, too.
    counts = [
        (str(float(bound)), float(sum(row.jobs for row in rows if (row.batch_size or 0) <= bound)))
        for bound in BATCH_BUCKETS
    ]
    return [*counts, ("+Inf", float(sum(row.jobs for row in rows)))]
