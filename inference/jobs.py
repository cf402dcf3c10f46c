"""The verbs of a job. Every transition is one conditional UPDATE whose row count tells who won.

submit -> queued -> claim -> running -> succeed | fail
cancel ends a queued or running job; inference.sweep gives lost leases back.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celery import current_app
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from catalog.models import ModelCard
from inference.models import OPEN, ErrorCode, Job, JobQuerySet, State
from inference.pictures import Picture

log = logging.getLogger(__name__)

RUN_BATCH = "inference.tasks.run_batch"  # by name: tasks import this module, not the reverse
LEASE = timedelta(seconds=10)
DEADLINE = timedelta(minutes=10)
TIME_LIMIT = timedelta(seconds=60)  # one attempt, however alive its worker is
MAX_ATTEMPTS = 3
UNCLAIMED = {
    "state": State.QUEUED, "lease_token": None, "lease_until": None, "rung_at": None, "worker": "",
}  # fmt: skip


@dataclass(frozen=True)
class Asker:
    """Who asks: a signed-in person, a browser session, or both."""

    user_id: int | None
    visitor: uuid.UUID | None


@dataclass(frozen=True)
class Request:
    """What is asked: a checked picture, labels and the prompt template with its one `{}`."""

    card: ModelCard
    picture: Picture
    labels: Sequence[str]
    template: str


def submit(request: Request, *, asker: Asker, ticket: str = "") -> Job:
    """Store the picture and queue a job; the same ticket with the same input gives the same job.

    The message to the workers goes out only after the row is committed. If it cannot, the sweep
    sends it later: the row itself is the outbox.
    """
    job = Job(
        id=_job_id(request, asker, ticket),
        card=request.card,
        owner_id=asker.user_id,
        visitor=asker.visitor,
        labels=list(request.labels),
        template=request.template,
        width=request.picture.width,
        height=request.picture.height,
        deadline_at=Now() + DEADLINE,
    )
    try:
        with transaction.atomic():
            job.save(force_insert=True)
            _store(job, request.picture)
            transaction.on_commit(lambda: ring(job), robust=True)
    except IntegrityError:
        first = Job.objects.filter(pk=job.pk).first()
        if first is None:
            raise
        return first  # a double click
    log.info("job queued id=%s model=%s", job.pk, request.card.repo)
    return job


def _job_id(request: Request, asker: Asker, ticket: str) -> uuid.UUID:
    if not ticket:
        return uuid.uuid4()
    parts = [asker.user_id, asker.visitor, ticket, request.card.repo, request.template]
    return uuid.uuid5(
        uuid.NAMESPACE_OID, repr([*parts, list(request.labels), request.picture.sha256])
    )


def _store(job: Job, picture: Picture) -> None:
    files = {job.picture_name: picture.original, job.preview_name: picture.preview}
    for name, content in files.items():
        default_storage.delete(name)  # left by a commit that failed; a second name would be lost
        default_storage.save(name, ContentFile(content))


def ring(job: Job) -> bool:
    """Send the job's id to its model's queue. False, and a line in the log: the broker is away."""
    try:
        # Without retries: a visitor is waiting, and the sweep rings again within seconds.
        current_app.send_task(RUN_BATCH, args=[str(job.pk)], queue=job.card.queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker away id=%s error=%s", job.pk, error)
        return False
    Job.objects.filter(pk=job.pk).update(rung_at=Now())
    return True


def claim(card: ModelCard, *, worker: str, limit: int, token: uuid.UUID | None = None) -> list[Job]:
    """Take up to `limit` of the model's oldest queued jobs under one lease, oldest first.

    A job that was tried before may be what killed its worker: it is taken alone, so that it
    cannot take others with it.
    """
    token = token or uuid.uuid4()
    with transaction.atomic():
        keys = _next_in_line(card, limit)
        if not keys:
            return []
        Job.objects.filter(pk__in=keys).update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            lease_token=token,
            lease_until=Now() + LEASE,
            started_at=Now(),
            worker=worker,
            batch_size=len(keys),
        )
    return list(Job.objects.running().filter(lease_token=token).oldest_first())


def _next_in_line(card: ModelCard, limit: int) -> list[uuid.UUID]:
    waiting = Job.objects.queued().filter(card=card, deadline_at__gt=Now()).oldest_first()
    rows = list(waiting.select_for_update(skip_locked=True).values_list("pk", "attempt")[:limit])
    if rows and rows[0][1] > 0:
        return [rows[0][0]]
    return [pk for pk, attempt in rows if attempt == 0]


# What a worker found: plain JSON, described in docs/jobs.md.
Result = dict[str, Any]


def succeed(job: Job, result: Result) -> bool:
    """Record the result, if this claim still holds the job. False: another attempt has it now."""
    return _end(job, state=State.SUCCEEDED, result=result)


def fail(job: Job, code: ErrorCode) -> bool:
    """End the job with a reason, if this claim still holds it."""
    return _end(job, state=State.FAILED, error_code=code)


def _end(job: Job, **changes: object) -> bool:
    held = Job.objects.running().filter(pk=job.pk, lease_token=job.lease_token)
    if not finish(held, **changes):
        log.warning("stale claim ignored id=%s worker=%s", job.pk, job.worker)
        return False
    drop_picture(job)
    log.info("job %s id=%s worker=%s", changes["state"], job.pk, job.worker)
    return True


def finish(held: JobQuerySet, **changes: object) -> int:
    """Move the jobs of a filter to a final state; the filter says what must still be true."""
    return held.update(finished_at=Now(), lease_token=None, lease_until=None, **changes)


def cancel(job: Job) -> bool:
    """End a job that is not final yet. False: it had already ended."""
    cancelled = finish(Job.objects.filter(pk=job.pk, state__in=OPEN), state=State.CANCELLED)
    if cancelled:
        drop_picture(job)
        log.info("job cancelled id=%s", job.pk)
    return bool(cancelled)


def forget(job: Job) -> None:
    """Delete a job with everything that was kept of it; a running one is cancelled first."""
    cancel(job)
    drop_picture(job)
    default_storage.delete(job.preview_name)
    job.delete()


def drop_picture(job: Job) -> None:
    """The picture as it was sent has no use after the job's end."""
    default_storage.delete(job.picture_name)


def renew(token: uuid.UUID) -> int:
    """Push back a lease, but never past the time limit of an attempt."""
    recent = Job.objects.running().filter(lease_token=token, started_at__gt=Now() - TIME_LIMIT)
    return recent.update(lease_until=Now() + LEASE)


def give_back(token: uuid.UUID) -> int:
    """Queue again what is left of a batch that was not settled; the sweep rings for it."""
    left = Job.objects.running().filter(lease_token=token, attempt__lt=MAX_ATTEMPTS)
    return left.update(**UNCLAIMED)


def position_in_queue(job: Job) -> int:
    """How many jobs of the same model stand before this one."""
    return Job.objects.queued().filter(card=job.card, created_at__lt=job.created_at).count()
