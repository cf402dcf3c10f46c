"""Figures for Prometheus, and so for autoscalers: read from the database at each scrape.

Nothing is counted in a process: any web process gives the same answer, however many there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Min, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from inference.fleet import counters
from inference.models import Job, State, Tally, Worker

BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For `Authorization: Bearer METRICS_TOKEN` only; without such a setting there is no page."""
    token = settings.METRICS_TOKEN
    if not token:
        raise Http404("METRICS_TOKEN is not set")
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {token}"):
        return HttpResponseForbidden("wrong token\n", content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(Fleet())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@dataclass
class _Queue:
    """One model's jobs that are not final."""

    queued: int = 0
    images: int = 0
    oldest_s: float = 0.0
    running: int = 0


class Fleet(Collector):
    """All families; a model that was ever served is always among them, with zeros if need be."""

    def collect(self) -> Iterator[Metric]:
        counters.count()
        totals = counters.totals()
        workers = list(Worker.objects.alive())
        known = {repo for worker in workers for repo in worker.repos}
        known |= {tally.card.repo for tally in totals}
        yield from _queues(known)
        yield from _workers(known, workers)
        yield from _ended(totals)
        yield _batches(totals)


def _queues(known: set[str]) -> Iterator[Metric]:
    found: defaultdict[str, _Queue] = defaultdict(_Queue, {repo: _Queue() for repo in known})
    now = timezone.now()
    for repo, jobs, images, oldest in (
        Job.objects.queued()
        .order_by()
        .values_list("card__repo")
        .annotate(Count("pk"), Sum("image_count"), Min("created_at"))
    ):
        waited_s = max((now - oldest).total_seconds(), 0.0)
        found[repo] = _Queue(jobs, images or 0, waited_s)
    running = Job.objects.running().order_by().values_list("card__repo").annotate(Count("pk"))
    for repo, jobs in running:
        found[repo].running = jobs
    yield _gauge("queued_jobs", "Jobs that wait.", {r: q.queued for r, q in found.items()})
    yield _gauge("queued_images", "Pictures that wait.", {r: q.images for r, q in found.items()})
    yield _gauge(
        "oldest_wait_seconds",
        "Age of the job that waits longest; 0 if none does.",
        {r: q.oldest_s for r, q in found.items()},
    )
    yield _gauge(
        "running_jobs", "Jobs that a worker has.", {r: q.running for r, q in found.items()}
    )


def _workers(known: Iterable[str], workers: Sequence[Worker]) -> Iterator[Metric]:
    counts = dict.fromkeys(known, 0)
    rates = dict.fromkeys(known, 0.0)
    for worker in workers:
        for each in worker.services:
            counts[each.repo] += 1
            rates[each.repo] += each.images_per_s
    yield _gauge("workers", "Living workers that have the model loaded.", counts)
    yield _gauge(
        "worker_images_per_second", "What those do while they are busy, as a moving mean.", rates
    )


def _gauge(name: str, words: str, values: dict[str, float] | dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"gigarouter_{name}", words, labels=["model"])
    for repo, value in sorted(values.items()):
        family.add_metric([repo], value)
    return family


def _ended(totals: Sequence[Tally]) -> Iterator[Metric]:
    jobs: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    images: defaultdict[str, int] = defaultdict(int)
    for tally in totals:
        jobs[tally.card.repo, tally.state, tally.error_code] += tally.jobs
        if tally.state == State.SUCCEEDED:
            images[tally.card.repo] += tally.images
    ended = CounterMetricFamily(
        "gigarouter_jobs", "Jobs that have ended.", labels=["model", "state", "error_code"]
    )
    for labels, count in sorted(jobs.items()):
        ended.add_metric(labels, count)
    yield ended
    scored = CounterMetricFamily(
        "gigarouter_images", "Pictures of jobs that succeeded.", labels=["model"]
    )
    for repo, count in sorted(images.items()):
        scored.add_metric([repo], count)
    yield scored


def _batches(totals: Sequence[Tally]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(
        "gigarouter_batch_size", "Jobs in the batch in which each job ran.", labels=["model"]
    )
    by_model: defaultdict[str, list[Tally]] = defaultdict(list)
    for tally in totals:
        if tally.batch_size is not None:
            by_model[tally.card.repo].append(tally)
    for repo, rows in sorted(by_model.items()):
        family.add_metric([repo], _cumulated(rows), sum(row.batched for row in rows))
    return family


def _cumulated(rows: Sequence[Tally]) -> list[tuple[str, float]]:
    """Prometheus counts in each bucket all that is in the smaller ones, too."""
    counted = [
        (str(float(most)), float(sum(row.jobs for row in rows if (row.batch_size or 0) <= most)))
        for most in BUCKETS
    ]
    return [*counted, ("+Inf", float(sum(row.jobs for row in rows)))]
