"""The verbs of those who ask: submit, cancel, forget. Each transition is one conditional UPDATE.

submit -> queued -> claim -> running -> succeed | fail
Workers claim and settle (inference.jobs.claims, inference.worker.settlement); cancel ends a job
that is not final; inference.jobs.sweep gives lost leases back.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models.functions import Now

from accounts import credits
from accounts.models import ApiKey, User
from catalog.models import ModelCard
from catalog.pricing import Price
from inference import faults
from inference.images import Picture
from inference.jobs import queue, wake
from inference.models import OPEN, ErrorCode, Input, Job, JobQuerySet, Kind, State
from inference.webhooks import queueing

log = logging.getLogger(__name__)

DEADLINE = timedelta(minutes=10)
ENDED = "jobs_ended"  # the channel on which PostgreSQL tells that jobs are final


class TooManyQueued(Exception):
    """Nothing was queued: some of the asker's jobs have to end first."""


@dataclass(frozen=True)
class Asker:
    """Who asks: a signed-in person, perhaps by an API key, or a browser session."""

    user_id: int | None
    visitor: uuid.UUID | None
    key: ApiKey | None = None

    @property
    def payer(self) -> str:
        """Whose turn it is in the queue."""
        return f"user:{self.user_id}" if self.user_id is not None else f"visitor:{self.visitor}"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked: checked pictures and texts in order, labels, and the prompt's one `{}`.

    `activation` is softmax, sigmoid, none, or auto: what fits the model. `options` say how the
    answer is to be written; they change no result.
    """

    card: ModelCard
    inputs: Sequence[Picture | str]
    kind: Kind = Kind.CLASSIFY
    labels: Sequence[str] = ()
    template: str = ""
    activation: str = "auto"
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def pictures(self) -> dict[int, Picture]:
        """The pictures by their place among the inputs."""
        return {place: each for place, each in enumerate(self.inputs) if isinstance(each, Picture)}

    def most_it_may_cost(self, price: Price) -> int:
        """µ$ if not one text's embedding is kept yet."""
        texts = len(self.inputs) - len(self.pictures) + len(self.labels)
        return price.micro_usd_for(images=len(self.pictures), new_labels=texts)


def submit(
    request: Request,
    *,
    asker: Asker,
    ticket: str = "",
    payer: User | None = None,
    deadline: timedelta = DEADLINE,
    most_queued: int | None = None,
) -> Job:
    """Store the pictures and queue a job; the same ticket with the same input gives the same job.

    With a `payer` the most that the job may cost is held from their credit, in the transaction
    that makes the job; raises credits.CreditError, and nothing was queued. Raises TooManyQueued if
    the asker has `most_queued` jobs waiting.
    The message to the workers goes out only after the row is committed. If it cannot, the sweep
    sends it later: the row itself is the outbox.
    """
    price = request.card.price if payer else None
    job = _new_job(request, asker, ticket, price)
    with transaction.atomic():
        if not queue.enqueue(job, deadline=deadline, most_queued=most_queued):
            return _first(job)
        if payer and price:
            credits.hold(
                payer,
                amount_micro_usd=request.most_it_may_cost(price),
                reference=job.hold_reference,
                key=asker.key,
                note=request.card.repo,  # jobs are deleted in a day, the ledger stays
            )
        _store(job, request)
        transaction.on_commit(lambda: faults.hit("submitted", job))
        transaction.on_commit(lambda: wake.ring(job), robust=True)
    log.info("job queued id=%s model=%s", job.pk, request.card.repo)
    return job


def _first(job: Job) -> Job:
    """The one that a double click has made before; raises TooManyQueued if there is none."""
    first = Job.objects.filter(pk=job.pk).first()
    if first is None:
        raise TooManyQueued(f"{job.payer} has too many jobs waiting")
    return first


def _new_job(request: Request, asker: Asker, ticket: str, price: Price | None) -> Job:
    """Not saved; its times are the database's."""
    job = Job(
        id=_job_id(request, asker, ticket),
        kind=request.kind,
        card=request.card,
        owner_id=asker.user_id,
        visitor=asker.visitor,
        key=asker.key,
        payer=asker.payer,
        inputs=[_input(each) for each in request.inputs],
        image_count=len(request.pictures),
        labels=list(request.labels),
        template=request.template,
        activation=request.activation,
        options=dict(request.options),
    )
    if price:
        job.is_paid = True
        job.micro_usd_per_image = price.micro_usd_per_image
        job.micro_usd_per_label = price.micro_usd_per_label
    return job


def _input(each: Picture | str) -> Input:
    if isinstance(each, str):
        return {"text": each}
    return {"width": each.width, "height": each.height}


def _job_id(request: Request, asker: Asker, ticket: str) -> uuid.UUID:
    if not ticket:
        return uuid.uuid4()
    parts = [asker.user_id, asker.visitor, ticket, request.card.repo, request.template]
    contents = [each if isinstance(each, str) else each.sha256 for each in request.inputs]
    return uuid.uuid5(uuid.NAMESPACE_OID, repr([*parts, list(request.labels), contents]))


def _store(job: Job, request: Request) -> None:
    files = {job.picture_name(place): each.original for place, each in request.pictures.items()}
    preview = request.pictures[0].preview if 0 in request.pictures else None
    if preview:
        files[job.preview_name] = preview
    for name, content in files.items():
        default_storage.delete(name)  # left by a commit that failed; a second name would be lost
        default_storage.save(name, ContentFile(content))


def cancel(job: Job, *, among: Sequence[State] = OPEN) -> bool:
    """End a job that is not final yet, or is in one of these states. False: it is not."""
    with transaction.atomic():
        ended = finish(Job.objects.filter(state__in=among), job, state=State.CANCELLED)
        if ended and job.is_paid:
            credits.release(job.hold_reference)
    if ended:
        drop_pictures(job)
        log.info("job cancelled id=%s", job.pk)
    return ended


def forget(job: Job) -> None:
    """Delete a job with everything that was kept of it; a running one is cancelled first."""
    cancel(job)
    _drop_files(job)
    job.delete()


def fail(held: JobQuerySet, lost: Sequence[Job], code: ErrorCode) -> list[Job]:
    """End jobs with a reason, those that are still in the filter; their credit is free again."""
    with transaction.atomic():
        failed = [job for job in lost if finish(held, job, state=State.FAILED, error_code=code)]
        # All at once: wallets are locked in one order, whoever settles.
        credits.release_many(job.hold_reference for job in failed if job.is_paid)
    return failed


def finish(held: JobQuerySet, job: Job, **changes: object) -> bool:
    """Move a job to a final state, if it is still in the filter; False: it is not."""
    ended = held.filter(pk=job.pk).update(
        finished_at=Now(), lease_token=None, lease_until=None, **changes
    )
    if ended:
        tell_ended([job.pk])
    return bool(ended)


def tell_ended(keys: Sequence[uuid.UUID]) -> None:
    """Wake those who wait for these jobs, and queue what webhooks are told, on commit."""
    queueing.queue(keys)
    tell(keys)


def tell(keys: Sequence[uuid.UUID]) -> None:
    """Wake those who wait for these keys (inference.notify), when the transaction commits."""
    for start in range(0, len(keys), 200):  # a payload has 8,000 bytes, a key 36
        payload = ",".join(str(key) for key in keys[start : start + 200])
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [ENDED, payload])


def drop_pictures(job: Job) -> None:
    """Pictures as they were sent have no use after the job's end."""
    for place in job.picture_places:
        default_storage.delete(job.picture_name(place))


def _drop_files(job: Job) -> None:
    drop_pictures(job)
    default_storage.delete(job.preview_name)


def position_in_queue(job: Job) -> int:
    """How many jobs of the same model come before this one."""
    return Job.objects.queued().filter(card=job.card).before(job).count()
