"""Messages that wait to be sent: mails, and webhooks' deliveries."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, ExpressionWrapper, F, FloatField, Max, Q
from django.db.models.functions import Extract, Now
from prometheus_client.core import GaugeMetricFamily

from catalog.infrastructure.outbox import OutboxQuerySet
from catalog.models import Mail
from inference.models import Delivery, Webhook

# By the database's clock, which set the other moment.
AGE_S = ExpressionWrapper(Extract(Now() - F("created_at"), "epoch"), output_field=FloatField())
LATE_S = ExpressionWrapper(Extract(Now() - F("next_try_at"), "epoch"), output_field=FloatField())


def metrics() -> Iterator[GaugeMetricFamily]:
    waiting = GaugeMetricFamily(
        "gigarouter_messages_waiting", "Messages not sent yet.", labels=["kind"]
    )
    oldest = GaugeMetricFamily(
        "gigarouter_oldest_message_seconds", "Age of the oldest of them.", labels=["kind"]
    )
    late = GaugeMetricFamily(
        "gigarouter_late_message_seconds",
        "How long the one that is due longest should have been tried; 0 if none is due.",
        labels=["kind"],
    )
    for kind, messages in _kinds().items():
        figures = messages.order_by().aggregate(
            number=Count("pk"),
            oldest_s=Max(AGE_S),
            late_s=Max(LATE_S, filter=Q(next_try_at__lt=Now())),
        )
        waiting.add_metric([kind], figures["number"])
        oldest.add_metric([kind], figures["oldest_s"] or 0.0)
        late.add_metric([kind], figures["late_s"] or 0.0)
    yield from (waiting, oldest, late)


# Any: of either model.
def _kinds() -> dict[str, OutboxQuerySet[Any]]:
    enabled = Webhook.objects.enabled()
    return {
        "mail": Mail.objects.waiting(),
        "webhook": Delivery.objects.waiting().filter(webhook__in=enabled),
    }
