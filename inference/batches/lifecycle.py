"""From a file to a batch, and how batches end: each step one conditional UPDATE.

BatchRefused        root; `code` is the API's
    TooManyBatches  the account has as many open ones as it may have
    NotActive       the account was suspended since its key was found
    KeyReused       the idempotency key came with another file or endpoint
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.models import ApiKey, User
from catalog.infrastructure import log_context
from catalog.infrastructure.retention import Retention
from inference import jobs
from inference.jobs import image_files
from inference.models import (
    ENDED_BATCH,
    ApiFile,
    Batch,
    BatchQuerySet,
    BatchStatus,
    ErrorCode,
    FileProblem,
    FilePurpose,
    Job,
    State,
)
from inference.webhooks import queueing

log = logging.getLogger(__name__)

WINDOW = timedelta(hours=24)
KEPT_FOR = timedelta(days=30)
# The same call by the same account within this time is a repeated one, whose answer was lost.
SAME_CALL_WITHIN = timedelta(seconds=60)
JOBS_PER_STEP = 500
RETENTION = Retention("batches", Batch.objects.ended, "ended_at", KEPT_FOR)
# Nothing is deleted here: watched like what is, since nobody may find them late.
OVERDUE = Retention("batches beyond their window", Batch.objects.running, "expires_at")


class BatchRefused(Exception):
    code = "invalid_request"


class TooManyBatches(BatchRefused):
    code = "too_many_batches"


class NotActive(BatchRefused):
    code = "account_suspended"


class KeyReused(BatchRefused):
    code = "idempotency_key_reused"


class NoSuchFile(BatchRefused):
    code = "file_not_found"


@dataclass(frozen=True, kw_only=True)
class NewBatch:
    """What is asked for; `output_kept_for` counts from the batch's end."""

    owner: User
    key: ApiKey | None
    input_file: ApiFile
    endpoint: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str = ""
    output_kept_for: timedelta


@transaction.atomic
def create(new: NewBatch) -> Batch:
    """A batch that is yet to be validated; a repeated call gives the first one.

    Raises BatchRefused. Calls of one account come one after the other here, and none while the
    file is being deleted.
    """
    if not User.objects.select_for_update(no_key=True).get(pk=new.owner.pk).is_active:
        raise NotActive("This account is suspended.")
    if existing := _existing(new):
        return existing
    files = ApiFile.objects.of(new.owner.pk).complete().filter(purpose=FilePurpose.INPUT)
    # Locked, so that it is not deleted between this look and the commit.
    if not files.select_for_update().filter(pk=new.input_file.pk).exists():
        raise NoSuchFile("The file was deleted.")
    if Batch.objects.of(new.owner.pk).open().count() >= settings.BATCH_OPEN:
        raise TooManyBatches(
            f"{settings.BATCH_OPEN} of your batches are open, the most there may be. Wait for one"
            " of them to end, or cancel it."
        )
    batch = Batch.objects.create(
        owner=new.owner,
        key=new.key,
        endpoint=new.endpoint,
        metadata=dict(new.metadata),
        idempotency_key=new.idempotency_key,
        output_kept_for=new.output_kept_for,
        input_file_id=new.input_file.pk,
        input_name=new.input_file.name,
        expires_at=Now() + WINDOW,
    )
    batch.refresh_from_db()
    with log_context.bound(batch=batch.pk):
        log.info("batch created lines=%d", new.input_file.line_count)
    return batch


def _existing(new: NewBatch) -> Batch | None:
    own = Batch.objects.of(new.owner.pk)
    if new.idempotency_key:
        known = own.filter(idempotency_key=new.idempotency_key).first()
        if known and (known.input_file_id, known.endpoint) != (new.input_file.pk, new.endpoint):
            raise KeyReused("This Idempotency-Key was used for another batch.")
        return known
    # OpenAI's clients send no key, and repeat a call whose connection broke: the batch would run
    # twice, and cost twice.
    same = own.open().filter(
        input_file_id=new.input_file.pk, endpoint=new.endpoint, metadata=dict(new.metadata)
    )
    return same.filter(key=new.key, created_at__gt=Now() - SAME_CALL_WITHIN).first()


def start(batch: Batch, *, line_count: int, chunk_count: int) -> bool:
    """Its file is in order. False: somebody else has moved it on."""
    return _move(
        batch,
        BatchStatus.VALIDATING,
        to=BatchStatus.IN_PROGRESS,
        in_progress_at=Now(),
        line_count=line_count,
        chunk_count=chunk_count,
    )


def refuse(batch: Batch, problems: Sequence[FileProblem], *, line_count: int = 0) -> bool:
    """Its file cannot be run; nothing was, and nothing is charged."""
    return _move(
        batch,
        BatchStatus.VALIDATING,
        to=BatchStatus.FAILED,
        ended_at=Now(),
        errors=list(problems),
        line_count=line_count,
    )


def cancel(batch: Batch) -> bool:
    """Nothing new is run from now on. False: it has ended, or is ending already."""
    return _move(
        batch, BatchStatus.VALIDATING, to=BatchStatus.CANCELLED, ending_at=Now(), ended_at=Now()
    ) or _move(batch, BatchStatus.IN_PROGRESS, to=BatchStatus.CANCELLING, ending_at=Now())


def expire_due() -> int:
    """Batches whose window is over run nothing new; how many there were."""
    overdue = Batch.objects.overdue()
    running = overdue.filter(status=BatchStatus.IN_PROGRESS)
    expired = running.update(status=BatchStatus.FINALIZING, ending_at=Now())
    for batch in overdue.filter(status=BatchStatus.VALIDATING):
        expired += _move(
            batch,
            BatchStatus.VALIDATING,
            to=BatchStatus.EXPIRED,
            ending_at=Now(),
            ended_at=Now(),
        )
    return expired


def end_jobs(batch: Batch) -> int:
    """End what a canceled or expired batch still has queued; how many jobs there were.

    What runs at this moment is given up if the batch was canceled; else its answer is kept.
    """
    is_canceled = batch.status == BatchStatus.CANCELLING
    states = [State.QUEUED, State.RUNNING] if is_canceled else [State.QUEUED]
    open_jobs = Job.objects.filter(batch=batch, state__in=states).only("inputs", "is_paid", "batch")
    with transaction.atomic():
        ended = jobs.end(
            list(open_jobs[:JOBS_PER_STEP]),
            state=State.CANCELLED if is_canceled else State.FAILED,
            code=None if is_canceled else ErrorCode.DEADLINE,
            from_states=states,
        )
        files = [name for job in ended for name in job.image_files]
        transaction.on_commit(lambda: image_files.delete(files))
    return len(ended)


ENDS = {
    BatchStatus.IN_PROGRESS: BatchStatus.COMPLETED,
    BatchStatus.FINALIZING: BatchStatus.EXPIRED,
    BatchStatus.CANCELLING: BatchStatus.CANCELLED,
}


@transaction.atomic
def finish(batch: Batch) -> bool:
    """All its chunks are written up. False: not yet, or somebody else has done it."""
    status = BatchStatus(batch.status)
    through = Batch.objects.filter(next_chunk=F("chunk_count"), parts__isnull=True)
    if status not in ENDS or not _move(
        batch, status, to=ENDS[status], ended_at=Now(), among=through
    ):
        return False
    results = [pk for pk in (batch.output_file_id, batch.error_file_id) if pk]
    ApiFile.objects.filter(pk__in=results).update(
        is_complete=True, expires_at=Now() + batch.output_kept_for
    )
    return True


@transaction.atomic
def _move(
    batch: Batch,
    status: BatchStatus,
    *,
    to: BatchStatus,
    among: BatchQuerySet | None = None,
    **changes: object,
) -> bool:
    rows = Batch.objects.all() if among is None else among
    # By id: an UPDATE has no joins.
    found = Batch.objects.filter(pk__in=rows.filter(pk=batch.pk, status=status).values("pk"))
    if not found.filter(status=status).update(status=to, **changes):
        return False
    with log_context.bound(batch=batch.pk):
        log.info("batch %s", to)
    batch.refresh_from_db()
    if batch.status in ENDED_BATCH:
        queueing.queue_batch(batch)
    return True
