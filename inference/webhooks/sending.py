"""Sends webhook deliveries; catalog.infrastructure.outbox says how one is claimed and tried again.

A server that hangs holds one thread for seconds: so deliveries go out many at a time, at most a
few of one webhook, and only one of a webhook that has been failing.
"""

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import Now, RowNumber

from catalog.infrastructure import log_context, tracing
from catalog.infrastructure.retention import Budget, Retention
from inference.models import Attempt, Delivery, DeliveryState, Job, Webhook
from inference.outbound.client import OutboundClient
from inference.webhooks import auto_disable, posting
from inference.webhooks.posting import Outcome
from inference.webhooks.schedule import BACKOFF

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)  # longer than a round takes
ROUNDS = 20
DELIVERIES_A_ROUND = 20
# Of one webhook in one round.
SHARE = 5
SHARE_WHILE_FAILING = 1
GIVE_UP_AFTER = timedelta(days=2)  # what waits for a webhook that is switched off
KEEP_FOR = timedelta(days=30)
KEEP_REMOVED_FOR = timedelta(hours=1)
KEEP_NAMED_FOR = timedelta(days=3)


def send_due(*, client: OutboundClient | None = None) -> int:
    """Try what is due; how many attempts that were."""
    attempts = 0
    for _ in range(ROUNDS):
        deliveries = claim()
        if not deliveries:
            break
        calls = _traceparents(deliveries)
        outcomes = asyncio.run(_post_all(deliveries, client or OutboundClient(), calls))
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            with log_context.bound(**posting.log_fields(delivery)):
                _note(delivery, outcome)
        attempts += len(deliveries)
    return attempts


RETENTIONS = [
    Retention("deliveries", Delivery.objects.all, "created_at", KEEP_FOR),
    # By then what calls of it have ended is delivered, or given up.
    Retention(
        "webhooks of calls",
        lambda: Webhook.objects.filter(key__isnull=False),
        "created_at",
        KEEP_NAMED_FOR,
    ),
    Retention("removed webhooks", Webhook.objects.all, "removed_at", KEEP_REMOVED_FOR),
]


def tidy(budget: Budget) -> None:
    late = Delivery.objects.waiting().older_than(GIVE_UP_AFTER)
    # A replay of an old delivery is due at once; it has its attempt first.
    late.filter(next_try_at__lt=Now() - KEEP_REMOVED_FOR).give_up()
    for retention in RETENTIONS:
        retention.delete_due(budget)


def claim() -> list[Delivery]:
    """One round: what has been due for longest, each webhook with no more than its share."""
    rank = Window(
        RowNumber(), partition_by=F("webhook"), order_by=[F("next_try_at").asc(), F("pk").asc()]
    )
    is_first = Q(rank__lte=SHARE_WHILE_FAILING)
    is_in_share = Q(rank__lte=SHARE, webhook__failing_since__isnull=True)
    due = Delivery.objects.due().filter(webhook__in=Webhook.objects.enabled())
    fair = due.annotate(rank=rank).filter(is_first | is_in_share).order_by("next_try_at")
    return (
        Delivery.objects.due()
        .filter(pk__in=fair.values("pk")[:DELIVERIES_A_ROUND])
        .select_related("webhook__user")
        .claim(limit=DELIVERIES_A_ROUND, lease=LEASE)
    )


def _traceparents(deliveries: Sequence[Delivery]) -> dict[uuid.UUID, str]:
    """Of the calls that have submitted the deliveries' jobs, by the jobs' ids."""
    if not tracing.is_on():
        return {}
    jobs = Job.objects.filter(pk__in=[delivery.job_id for delivery in deliveries])
    return dict(jobs.values_list("pk", "traceparent"))


async def _post_all(
    deliveries: Sequence[Delivery], client: OutboundClient, calls: Mapping[uuid.UUID, str]
) -> list[Outcome]:
    posts = (
        posting.post(delivery, client, traceparent=calls.get(delivery.job_id, ""))
        for delivery in deliveries
    )
    return await asyncio.gather(*posts)


def _note(delivery: Delivery, outcome: Outcome) -> None:
    """Keep how it went; what follows from it is done once, by who still holds the claim."""
    with transaction.atomic():
        Attempt.objects.create(delivery=delivery, **asdict(outcome))
        if outcome.failure:
            _try_later(delivery)
            auto_disable.note_failure(delivery.webhook, status=outcome.status)
        else:
            # Not fenced by the attempt: it is delivered, whoever delivered it.
            Delivery.objects.filter(pk=delivery.pk).update(
                state=DeliveryState.DELIVERED, delivered_at=Now()
            )
            auto_disable.note_success(delivery.webhook)


def _try_later(delivery: Delivery) -> None:
    wait = BACKOFF.wait_after(delivery.attempt_count)
    Delivery.objects.claimed(delivery).retry(wait)
    if wait is None:
        log.warning("webhook delivery given up")
