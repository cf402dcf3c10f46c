"""Keeps what support needs of jobs that are about to be deleted."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import connection

from catalog.infrastructure.retention import Retention
from inference.models import JobRecord

# Of accounts only: nobody could ask for an anonymous visitor's job. Not of somebody who is being
# erased: their rows are being deleted at this moment.
KEEP = """
INSERT INTO inference_jobrecord (
    id, kind, model, owner_id, key_prefix, request_id, batch_id, image_count, state, error_code,
    error_details, is_paid, max_cost_micro_usd, cost_micro_usd, attempt, worker, earlier_attempts,
    created_at, started_at, finished_at
)
SELECT
    job.id, job.kind, card.repo, job.owner_id, coalesce(key.prefix, ''), job.request_id,
    job.batch_id, job.image_count, job.state, job.error_code, job.error_details, job.is_paid,
    job.max_cost_micro_usd, job.cost_micro_usd, job.attempt, job.worker, job.earlier_attempts,
    job.created_at, job.started_at, job.finished_at
FROM inference_job AS job
    JOIN catalog_modelcard AS card ON card.id = job.card_id
    LEFT JOIN accounts_apikey AS key ON key.id = job.key_id
WHERE job.id = ANY(%s) AND job.owner_id IS NOT NULL AND job.finished_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM accounts_erasure WHERE user_id = job.owner_id)
ON CONFLICT (id) DO NOTHING
"""


def kept_for() -> timedelta:
    return timedelta(days=settings.JOB_RECORD_DAYS)


RETENTION = Retention("job records", JobRecord.objects.all, "finished_at", kept_for)


def keep(job_ids: Sequence[uuid.UUID]) -> int:
    """Write the records of jobs that have ended and go now; how many. A repeated call adds none."""
    if settings.JOB_RECORD_DAYS <= 0 or not job_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [list(job_ids)])
        return int(cursor.rowcount)
