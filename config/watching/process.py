"""What this process says of itself at a scrape: its build, and its pool of database connections.

Its memory, processor time and open files are prometheus_client's own figures.
"""

import platform
from collections.abc import Iterator
from importlib import metadata

import django
from django.conf import settings
from django.db import connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

# psycopg_pool's name -> ours. What it has not counted yet it leaves out.
POOL_GAUGES = {
    "pool_size": "Connections that the pool has open.",
    "pool_available": "Connections that nobody uses.",
    "pool_max": "Most connections that the pool opens.",
    "requests_waiting": "Threads that wait for a connection.",
}
POOL_COUNTERS = {
    "requests_num": "Times that a connection was asked for.",
    "requests_wait_ms": "Milliseconds that threads have waited for one.",
    "requests_errors": "Times that none came in time.",
    "connections_lost": "Connections that were found broken.",
}


class ProcessCollector(Collector):
    def describe(self) -> list[Metric]:
        """Nothing: a registry would otherwise collect once when it is told of this collector."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield _build()
        yield from _pool()


def _build() -> InfoMetricFamily:
    family = InfoMetricFamily("gigarouter_build", "Which code answers.")
    family.add_metric(
        [],
        {
            "version": version(),
            "revision": settings.REVISION,
            "python": platform.python_version(),
            "django": django.get_version(),
        },
    )
    return family


def version() -> str:
    try:
        return metadata.version("gigarouter")
    except metadata.PackageNotFoundError:  # run from a folder that was not installed
        return ""


def _pool() -> Iterator[Metric]:
    pool = getattr(connection, "pool", None)
    if pool is None:
        return
    stats = pool.get_stats()
    for name, description in POOL_GAUGES.items():
        yield GaugeMetricFamily(f"gigarouter_database_{name}", description, stats.get(name, 0))
    for name, description in POOL_COUNTERS.items():
        yield CounterMetricFamily(f"gigarouter_database_{name}", description, stats.get(name, 0))
