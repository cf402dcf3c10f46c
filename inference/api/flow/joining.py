"""Identical calls of one key, while the first is being answered: they wait for its job as well.

A client that has given up too early sends the same again, and its user would pay twice. Who waits
is counted, so that the last one who leaves cancels the job, and nobody else does (ADR 37).

    call_hash = joining.hash_of(request, fingerprint)
    job_id = joining.join(key, call_hash) or joining.register(key, call_hash, job)
    joining.leave(job_id)
"""

import hashlib
import logging
import uuid
from typing import Any

from django.db import transaction
from starlette.requests import Request

from accounts.models import ApiKey
from catalog.infrastructure import prepared
from inference import jobs
from inference.models import OPEN, Job, WaitedCall

log = logging.getLogger(__name__)

WINDOW_S = 60
OPEN_STATES = [str(state) for state in OPEN]
JOIN = """
UPDATE inference_waitedcall AS call SET waiters = waiters + 1, joined = joined + 1
FROM inference_job AS job
WHERE call.api_key = %(key)s AND call.body_hash = %(hash)s AND job.id = call.job
    AND job.state = ANY(%(open)s) AND call.created_at > now() - make_interval(secs => %(window)s)
    AND call.waiters > 0
RETURNING call.job
"""
# The row of a job that goes on is left alone: others may wait for that.
REGISTER = """
INSERT INTO inference_waitedcall AS call
    (job, api_key, body_hash, waiters, joined, is_cost_reported)
VALUES (%(job)s, %(key)s, %(hash)s, 1, 0, false)
ON CONFLICT (api_key, body_hash) DO UPDATE SET
    job = excluded.job, waiters = 1, joined = 0, is_cost_reported = false, created_at = now()
WHERE NOT EXISTS (
    SELECT FROM inference_job AS job WHERE job.id = call.job AND job.state = ANY(%(open)s)
)
RETURNING call.job
"""
LEAVE = """
UPDATE inference_waitedcall SET waiters = waiters - 1 WHERE job = %(job)s AND waiters > 0
RETURNING waiters
"""


def hash_of(request: Request, fingerprint: str) -> str:
    return hashlib.sha256(f"{request.url.path} {fingerprint}".encode()).hexdigest()


def join(key: ApiKey, call_hash: str) -> uuid.UUID | None:
    """The job of an identical call that is being answered; the caller waits for it from now on."""
    job_id: uuid.UUID | None = _returned(JOIN, _parameters(key, call_hash))
    if job_id:
        log.info("call joins a running one key=%s job=%s", key.pk, job_id)
    return job_id


def register(key: ApiKey, call_hash: str, job: Job) -> uuid.UUID:
    """Let others join this job. Returns the job to wait for, which may be another: of two identical
    calls at the same moment, one cancels its own and joins.
    """
    if _returned(REGISTER, _parameters(key, call_hash) | {"job": job.pk}):
        return job.pk
    other = join(key, call_hash)
    if other is None or jobs.cancel(job):
        return other or job.pk
    _leave(other)  # our own has ended meanwhile
    return job.pk


def leave(job: Job) -> bool:
    """Wait no longer; the job is canceled if nobody else waits for it. Whether it was."""
    with transaction.atomic():
        return not _leave(job.pk) and jobs.cancel(job)


def _leave(job_id: uuid.UUID) -> int:
    """How many still wait. The row stays locked until the transaction ends: nobody joins a job
    that is being canceled.
    """
    waiters: int = _returned(LEAVE, {"job": job_id}) or 0
    return waiters


def reports_cost(job: Job) -> bool:
    """Whether an answer says what the job cost: of several, one does."""
    if not WaitedCall.objects.filter(job=job.pk, joined__gt=0).exists():
        return True
    unreported = WaitedCall.objects.filter(job=job.pk, is_cost_reported=False)
    return bool(unreported.update(is_cost_reported=True))


def _parameters(key: ApiKey, call_hash: str) -> dict[str, Any]:
    return {"key": key.pk, "hash": call_hash, "open": OPEN_STATES, "window": WINDOW_S}


def _returned(statement: str, parameters: dict[str, Any]) -> Any:  # what the column holds
    with prepared.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return row[0] if row else None
