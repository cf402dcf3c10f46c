"""Queues webhook deliveries, in the transaction in which their jobs end."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db import transaction

from catalog.infrastructure import broker, prepared
from inference.models import TEST_EVENT, Batch, Delivery, Webhook

SEND_WEBHOOKS = "inference.tasks.send_webhooks"  # by name: tasks import us, not the reverse
QUEUE = "webhooks"
MESSAGE_LIVES_S = 30  # the sweep sends what no message was sent for

# Only jobs that came by an API key: nobody wants a call for what they did in the playground, nor
# one for each line of a batch.
# The key share lock keeps a webhook that is being deleted from failing the batch that ends here.
ENDED = """
WITH ended AS (
    SELECT job.id, job.owner_id, job.key_id, job.kind, card.repo,
        job.options ->> 'webhook' AS named, nullif(job.error_code, '') AS error_code,
        'job.' || CASE job.state WHEN 'cancelled' THEN 'canceled' ELSE job.state END AS event,
        CASE WHEN job.state = 'cancelled' THEN 'canceled'
            WHEN job.error_code = 'deadline' THEN 'expired' ELSE job.state END AS status
    FROM inference_job AS job JOIN catalog_modelcard AS card ON card.id = job.card_id
    WHERE job.id = ANY(%s) AND job.key_id IS NOT NULL AND job.batch_id IS NULL
)
"""
INSERT = """
INSERT INTO inference_delivery (id, webhook_id, job_id, event, body)
SELECT gen_random_uuid(), webhook.id, ended.id, ended.event, json_build_object(
    'type', ended.event,
    'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'data', json_build_object(
        'id', ended.id, 'object', 'job', 'kind', ended.kind, 'model', ended.repo,
        'status', ended.status, 'error_code', ended.error_code
    )
)::text
FROM ended JOIN inference_webhook AS webhook ON webhook.user_id = ended.owner_id
WHERE {which}
FOR KEY SHARE OF webhook
ON CONFLICT DO NOTHING
RETURNING 1
"""
STANDING = INSERT.format(
    which="webhook.key_id IS NULL AND webhook.disabled_at IS NULL AND webhook.removed_at IS NULL"
    " AND ended.event = ANY(webhook.events)"
)
# Found by key and address: of those there may be one for each call.
NAMED_BY_CALL = INSERT.format(
    which="webhook.key_id = ended.key_id AND webhook.url = ended.named"
    " AND webhook.removed_at IS NULL"
)
# No webhook is of both kinds.
QUEUE_DELIVERIES = f"""
{ENDED}, standing AS ({STANDING}), named AS ({NAMED_BY_CALL})
SELECT (SELECT count(*) FROM standing) + (SELECT count(*) FROM named)
"""  # noqa: S608  statements of ours


def queue(job_ids: Sequence[uuid.UUID]) -> int:
    """Queue deliveries for jobs that have just ended; how many there are."""
    if not job_ids:
        return 0
    with prepared.cursor() as cursor:
        cursor.execute(QUEUE_DELIVERIES, [list(job_ids)])
        deliveries: int = cursor.fetchone()[0]
    if deliveries:
        send_soon()
    return deliveries


def queue_test(webhook: Webhook, *, kind: str) -> Delivery:
    """An event like that of a job of this kind that succeeded, but of no job."""
    job_id = uuid.uuid4()
    data = {
        "id": str(job_id),
        "object": "job",
        "kind": kind,
        "model": "gigarouter/conse-demo",
        "status": "succeeded",
        "error_code": None,
    }
    return _queue(webhook, TEST_EVENT, job_id, data)


@transaction.atomic
def queue_batch(batch: Batch) -> int:
    """Deliveries for a batch that has just ended; part of the caller's transaction."""
    event = f"batch.{batch.status}"
    wanting = (
        Webhook.objects.of(batch.owner_id).standing().enabled().filter(events__contains=[event])
    )
    data = {
        "id": batch.public_id,
        "object": "batch",
        "status": batch.status,
        "request_counts": {
            "total": batch.line_count,
            "completed": batch.completed_lines,
            "failed": batch.failed_lines,
        },
    }
    webhooks = list(wanting.select_for_update(no_key=True, of=("self",)))
    for webhook in webhooks:
        _queue(webhook, event, batch.pk, data)
    return len(webhooks)


def _queue(
    webhook: Webhook, event: str, subject_id: uuid.UUID, data: Mapping[str, object]
) -> Delivery:
    body = {
        "type": event,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": data,
    }
    delivery = Delivery.objects.create(
        webhook=webhook, job_id=subject_id, event=event, body=json.dumps(body)
    )
    send_soon()
    return delivery


def send_soon() -> None:
    broker.send_on_commit(SEND_WEBHOOKS, queue=QUEUE, expires_s=MESSAGE_LIVES_S, is_wake=True)
