"""When each periodic task was done last, for Prometheus: what no process can say of itself.

gigarouter_periodic_task_age_seconds{task="sweep"}          since it was done; +Inf: never
gigarouter_periodic_task_interval_seconds{task="sweep"}     between two runs
"""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Extract, Now
from prometheus_client.core import GaugeMetricFamily

from catalog.models import PeriodicTask

AGE = "Seconds since the task was done last, by the database's clock; +Inf: never."
INTERVAL = "Seconds between two runs of the task."


def collect() -> Iterator[GaugeMetricFamily]:
    age = GaugeMetricFamily("gigarouter_periodic_task_age_seconds", AGE, labels=["task"])
    interval = GaugeMetricFamily(
        "gigarouter_periodic_task_interval_seconds", INTERVAL, labels=["task"]
    )
    known = dict(
        PeriodicTask.objects.filter(last_done_at__isnull=False).values_list(
            "name", Extract(Now() - F("last_done_at"), "epoch")
        )
    )
    # Of all there should be: a series that is absent is no alert.
    for name, entry in sorted(settings.CELERY_BEAT_SCHEDULE.items()):
        age.add_metric([name], float(known.get(name, "inf")))
        interval.add_metric([name], float(entry["schedule"]))
    yield age
    yield interval
