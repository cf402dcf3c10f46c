"""How long jobs have waited for a worker, and how long they have run, as histograms by model."""

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.core import HistogramMetricFamily

from inference.fleet.counters import LONGEST_MS, SHORTEST_MS
from inference.models import JobDuration

DESCRIPTIONS = {
    JobDuration.Phase.WAIT: "From a job's arrival to its last start.",
    JobDuration.Phase.RUN: "From a job's last start to its end.",
}


def metrics() -> Iterator[HistogramMetricFamily]:
    rows: defaultdict[tuple[str, str], list[JobDuration]] = defaultdict(list)
    for row in JobDuration.objects.select_related("card").order_by("card__repo"):
        rows[row.phase, row.card.repo].append(row)
    for phase, description in DESCRIPTIONS.items():
        family = HistogramMetricFamily(
            f"gigarouter_job_{phase}_seconds", description, labels=["model"]
        )
        for (counted_phase, repo), counted in rows.items():
            if counted_phase == phase:
                total_s = sum(row.sum_ms for row in counted) / 1000
                family.add_metric([repo], list(_buckets(counted)), total_s)
        yield family


def _buckets(rows: list[JobDuration]) -> Iterator[tuple[str, float]]:
    # Prometheus counts in each bucket all that is in the smaller ones, too.
    bound_ms = SHORTEST_MS
    while bound_ms < LONGEST_MS:
        yield str(bound_ms / 1000), sum(row.jobs for row in rows if row.bucket_ms <= bound_ms)
        bound_ms *= 2
    yield "+Inf", sum(row.jobs for row in rows)
