"""How a batch ends: its results, its credit and the news of it, in one transaction.

Only the holder of a job's lease can end it. A job that somebody else has ended meanwhile, or
holds by now, is left alone: nothing is written and nothing is charged.
"""

import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from accounts import credits
from inference import faults, jobs
from inference.models import ErrorCode, Job

log = logging.getLogger(__name__)

# What a worker found: plain JSON, described in docs/jobs.md.
Result = dict[str, Any]

SUCCEED = """
UPDATE inference_job AS job SET
    state = 'succeeded', finished_at = now(), lease_token = NULL, lease_until = NULL,
    result = done.result, vectors = done.vectors, cost_micro_usd = done.cost
FROM unnest(%s::uuid[], %s::jsonb[], %s::bytea[], %s::bigint[])
    AS done(id, result, vectors, cost)
WHERE job.id = done.id AND job.state = 'running' AND job.lease_token = %s
RETURNING job.id
"""


@dataclass(frozen=True)
class Done:
    """A job's result; `new_labels` counts the texts whose embedding had to be computed for it.

    `vectors`: float32 [n, dim], little-endian, as bytes.
    """

    job: Job
    result: Result
    new_labels: int = 0
    vectors: bytes | None = None

    @property
    def cost_micro_usd(self) -> int | None:
        """What is captured; None for a job that nobody pays for."""
        job = self.job
        if not job.is_paid:
            return None
        return job.image_count * job.micro_usd_per_image + self.new_labels * job.micro_usd_per_label


def succeed(batch: Sequence[Done]) -> set[uuid.UUID]:
    """Write the results of jobs of one lease; returns those that were still ours to end."""
    if not batch:
        return set()
    with transaction.atomic():
        ours = _write(batch)
        paid = {
            done.job.hold_reference: done.cost_micro_usd or 0
            for done in batch
            if done.job.is_paid and done.job.pk in ours
        }
        if paid:
            credits.capture_many(paid, amounts_micro_usd=paid)
        jobs.tell_ended(sorted(ours))
        faults.hit("settling", *(done.job for done in batch))
    faults.hit("settled", *(done.job for done in batch))
    for done in batch:
        _tidy_up(done.job, "succeeded", is_ours=done.job.pk in ours)
    return ours


def _write(batch: Sequence[Done]) -> set[uuid.UUID]:
    columns: list[list[Any]] = [
        [done.job.pk for done in batch],
        [json.dumps(done.result) for done in batch],
        [done.vectors for done in batch],
        [done.cost_micro_usd for done in batch],
    ]
    with connection.cursor() as cursor:
        cursor.execute(SUCCEED, [*columns, batch[0].job.lease_token])
        return {row[0] for row in cursor.fetchall()}


def fail(job: Job, code: ErrorCode) -> bool:
    """End the job with a reason, if this claim still holds it."""
    held = Job.objects.running().filter(lease_token=job.lease_token)
    is_ours = bool(jobs.fail(held, [job], code))
    _tidy_up(job, "failed", is_ours=is_ours)
    return is_ours


def _tidy_up(job: Job, state: str, *, is_ours: bool) -> None:
    if not is_ours:
        log.warning("stale claim ignored id=%s worker=%s", job.pk, job.worker)
        return
    jobs.drop_pictures(job)
    log.info("job %s id=%s worker=%s", state, job.pk, job.worker)
