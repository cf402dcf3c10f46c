"""What housekeeping found when it looked last: at the parts each minute, at the ledger daily."""

from collections.abc import Iterator

from django.db.models import Max
from prometheus_client.core import GaugeMetricFamily

from accounts.credits import ledger
from inference.models import StatusHour


def metrics() -> Iterator[GaugeMetricFamily]:
    """Nothing before the first look."""
    looks = StatusHour.objects.filter(checks__gt=0)
    latest = looks.order_by().aggregate(latest=Max("checked_at"))["latest"]
    if latest is None:
        return
    yield GaugeMetricFamily(
        "gigarouter_last_look_timestamp_seconds",
        "When the parts were looked at last: long ago, if housekeeping has stopped.",
        latest.timestamp(),
    )
    family = GaugeMetricFamily(
        "gigarouter_part_up", "Whether the part worked at its last look.", labels=["part"]
    )
    by_part = looks.exclude(part="").order_by("part", "-hour").distinct("part")
    for part, was_up in by_part.values_list("part", "was_up"):
        family.add_metric([part], int(was_up))
    yield family


def ledger_metrics() -> Iterator[GaugeMetricFamily]:
    """Nothing before the first comparison."""
    check = ledger.last_check()
    if check is None:
        return
    yield GaugeMetricFamily(
        "gigarouter_ledger_differences",
        "Sums that the last comparison of wallets and ledger found different.",
        check.differences,
    )
    yield GaugeMetricFamily(
        "gigarouter_ledger_difference_micro_usd",
        "By how many micro-dollars, all together.",
        check.difference_micro_usd,
    )
    yield GaugeMetricFamily(
        "gigarouter_ledger_checked_timestamp_seconds",
        "When that comparison was made.",
        check.checked_at.timestamp(),
    )
