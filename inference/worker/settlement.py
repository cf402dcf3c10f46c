"""How a batch ends: its results, its credit and the news, in one transaction.

Only the holder of a job's lease can end it. A job that somebody else has ended meanwhile, or
holds by now, is left alone: nothing is written and nothing is charged.
"""

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts import credits
from catalog.infrastructure import log_context, prepared, storage
from inference import faults, jobs
from inference.jobs import image_files
from inference.models import ErrorCode, Job, State

log = logging.getLogger(__name__)

# Plain JSON, described in docs/jobs.md.
Result = dict[str, Any]

SUCCEED = """
UPDATE inference_job AS job SET
    state = 'succeeded', finished_at = now(), lease_token = NULL, lease_until = NULL,
    result = done.result, vectors = done.vectors, cost_micro_usd = done.cost,
    preview_file = coalesce(nullif(done.preview, ''), preview_file)
FROM unnest(%s::uuid[], %s::jsonb[], %s::bytea[], %s::bigint[], %s::text[])
    AS done(id, result, vectors, cost, preview)
WHERE job.id = done.id AND job.state = 'running' AND job.lease_token = %s
RETURNING job.id
"""


@dataclass(frozen=True)
class Done:
    """A job's result; `new_texts` counts the texts whose embedding had to be computed for it, and
    `new_tokens` what the model read of those.

    `vectors`: float32 [n, dim], little-endian, as bytes. `preview` is a JPEG for the job's page.
    """

    job: Job
    result: Result
    new_texts: int = 0
    new_tokens: int = 0
    vectors: bytes | None = None
    preview: bytes = b""

    @property
    def cost_micro_usd(self) -> int | None:
        """Never more than was said and held when the job was submitted."""
        job = self.job
        if not job.is_paid:
            return None
        images = job.image_count - len(self.result.get("unusable", {}))
        cost = job.micro_usd_for(images=images, texts=self.new_texts, tokens=self.new_tokens)
        return cost if job.max_cost_micro_usd is None else min(cost, job.max_cost_micro_usd)


def succeed(batch: Sequence[Done]) -> set[uuid.UUID]:
    """Write the results of jobs of one lease; returns those that were still ours to end."""
    if not batch:
        return set()
    # Before the transaction, as when a job is submitted: a store may take a second a file.
    previews = _store_previews(batch)
    with transaction.atomic():
        ours = _write(batch, previews)
        paid = {
            done.job.hold_reference: done.cost_micro_usd or 0
            for done in batch
            if done.job.has_own_hold and done.job.pk in ours
        }
        if paid:
            credits.capture_many(paid, amounts_micro_usd=paid)
        jobs.announce(sorted(ours))
        faults.hit("settling", *(done.job for done in batch))
    faults.hit("settled", *(done.job for done in batch))
    image_files.delete(name for job_id, name in previews.items() if job_id not in ours)
    _clean_up([done.job for done in batch], "succeeded", ours=ours)
    return ours


def _store_previews(batch: Sequence[Done]) -> dict[uuid.UUID, str]:
    previews = {done.job.pk: done.preview for done in batch if done.preview}
    try:
        return image_files.store_previews(previews)
    except storage.StorageUnavailable:
        # The scores count more than a small copy of the picture: the page does without.
        log.exception("previews not stored jobs=%d", len(previews))
        return {}


def _write(batch: Sequence[Done], previews: Mapping[uuid.UUID, str]) -> set[uuid.UUID]:
    columns: list[list[Any]] = [
        [done.job.pk for done in batch],
        [json.dumps(done.result) for done in batch],
        [done.vectors for done in batch],
        [done.cost_micro_usd for done in batch],
        [previews.get(done.job.pk, "") for done in batch],
    ]
    with prepared.cursor() as cursor:
        cursor.execute(SUCCEED, [*columns, batch[0].job.lease_token])
        return {row[0] for row in cursor.fetchall()}


def fail(job: Job, code: ErrorCode, details: Mapping[str, object] | None = None) -> bool:
    """End the job with a reason, if this claim still holds it."""
    ended = jobs.end(
        [job],
        state=State.FAILED,
        code=code,
        from_states=[State.RUNNING],
        lease_token=job.lease_token,
        details=details,
    )
    _clean_up([job], "failed", ours={ended_job.pk for ended_job in ended})
    return bool(ended)


def _clean_up(ended: Sequence[Job], state: str, *, ours: set[uuid.UUID]) -> None:
    image_files.delete(name for job in ended if job.pk in ours for name in job.image_files)
    for job in ended:
        with log_context.bound(job=job.pk, traceparent=job.traceparent or None):
            if job.pk in ours:
                log.info("job %s", state)
            else:
                log.warning("stale claim ignored, somebody else has ended or holds the job")
