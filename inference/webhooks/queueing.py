"""What webhooks are to be told, written in the transaction in which the jobs end."""

import logging
import uuid
from collections.abc import Sequence

from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

SEND_WEBHOOKS = "inference.tasks.send_webhooks"  # by name: tasks import who rings, not the reverse
QUEUE = "fetch"
RING_LIVES_S = 30  # the sweep does what a ring missed

# Only jobs that came by an API key: nobody wants a call for what they did in the playground.
# The key share lock keeps a webhook that is being deleted from failing the batch that ends here.
TELL = """
WITH ended AS (
    SELECT job.id, job.owner_id, job.kind, card.repo, nullif(job.error_code, '') AS error_code,
        'job.' || CASE job.state WHEN 'cancelled' THEN 'canceled' ELSE job.state END AS event,
        CASE WHEN job.state = 'cancelled' THEN 'canceled'
            WHEN job.error_code = 'deadline' THEN 'expired' ELSE job.state END AS status
    FROM inference_job AS job JOIN catalog_modelcard AS card ON card.id = job.card_id
    WHERE job.id = ANY(%s) AND job.key_id IS NOT NULL
)
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
WHERE webhook.disabled_at IS NULL AND webhook.removed_at IS NULL
    AND ended.event = ANY(webhook.events)
FOR KEY SHARE OF webhook
ON CONFLICT DO NOTHING
"""


def queue(job_ids: Sequence[uuid.UUID]) -> int:
    """Queue what is to be told of jobs that have just ended; how many deliveries that is."""
    if not job_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(TELL, [list(job_ids)])
        told: int = cursor.rowcount
    if told:
        transaction.on_commit(ring, robust=True)
    return told


def ring() -> None:
    """Tell a worker to look. A broker that is away is logged: the sweep looks, too."""
    try:
        current_app.send_task(SEND_WEBHOOKS, queue=QUEUE, retry=False, expires=RING_LIVES_S)
    except (OperationalError, OSError) as error:
        log.warning("broker away, webhooks wait for the sweep error=%s", error)
