"""Submitting a job: store its images, then one transaction inserts the row and holds the credit."""

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import OperationalError, transaction

from accounts import credits
from accounts.models import ApiKey, User
from catalog.infrastructure import log_context, tracing
from catalog.infrastructure.outages import DATABASE_OUTAGES
from catalog.models import ModelCard
from catalog.pricing import Price
from inference import faults
from inference.images import ImageFile
from inference.jobs import image_files, queue, wake
from inference.models import Input, Job

log = logging.getLogger(__name__)

DEADLINE = timedelta(minutes=10)


class TooManyQueued(Exception):
    pass


class MaybeQueued(OperationalError):
    """The database went away in mid-transaction: the job is queued, or it is not.

    A commit may be done though its confirmation was lost.
    """

    def __init__(self, job_id: uuid.UUID) -> None:
        super().__init__(f"it is not known whether job {job_id} is queued")
        self.job_id = job_id


class NotPriced(Exception):
    """Somebody would pay for a model of which not all prices are known."""


@dataclass(frozen=True)
class UnusableInput:
    """In place of an input that the job goes on without: an error code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Requester:
    """A signed-in person, perhaps by an API key, or an anonymous browser session."""

    user_id: int | None
    visitor: uuid.UUID | None
    key: ApiKey | None = None

    @property
    def fair_share_key(self) -> str:
        return f"user:{self.user_id}" if self.user_id is not None else f"visitor:{self.visitor}"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a kind of job makes of a form or an API body: everything is checked.

    `inputs` are images and texts in order. `payload` is the kind's own; `options` say how the
    answer is written and change no result. `text_count` is the most texts that the model may have
    to read, and `max_tokens` the most tokens of them, which bound the price; `text_tokens` is
    about how long they are together (text_work). `keeps_preview`: the job's page wants a small copy
    of its first image.
    """

    card: ModelCard
    kind: str
    inputs: Sequence[ImageFile | str | UnusableInput]
    payload: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    text_count: int = 0
    text_tokens: int = 0
    max_tokens: int = 0
    keeps_preview: bool = False

    @property
    def images(self) -> list[ImageFile]:
        return [item for item in self.inputs if isinstance(item, ImageFile)]

    def max_cost(self, price: Price) -> int:
        """µ$ if the embedding of not one text is cached."""
        return price.micro_usd_for(
            images=len(self.images), texts=self.text_count, tokens=self.max_tokens
        )


def submit(
    request: Request,
    *,
    requester: Requester,
    idempotency_key: str = "",
    payer: User | None = None,
    deadline: timedelta = DEADLINE,
    max_queued: int | None = None,
) -> Job:
    """Queue a job; the same idempotency key with the same input gives the same job.

    With a `payer` the most that the job may cost is held from their credit, in the transaction
    that inserts the job; raises credits.CreditError. Raises TooManyQueued
    if the requester has `max_queued` jobs waiting, NotPriced, and storage.StorageUnavailable. In
    all these cases nothing was queued and nothing stays in storage. Raises MaybeQueued, too.
    """
    if payer and not request.card.is_priced:
        raise NotPriced(f"{request.card.repo} has no complete price")
    price = request.card.price if payer else None
    job = new_job(
        _job_id(request, requester, idempotency_key), request, requester=requester, price=price
    )
    # Before the transaction: a store may take a second a file, and the wallet's row is locked
    # from the hold to the commit. All calls of an account would wait for one another.
    with tracing.span("job.store", images=job.image_count):
        names = image_files.store(job.pk, request.images)
    job.inputs = inputs_of(request, names)
    try:
        is_new = _insert(
            job,
            payer,
            deadline=deadline,
            max_queued=max_queued,
        )
    except credits.CreditError:
        image_files.delete(names)
        raise
    except DATABASE_OUTAGES as error:
        raise MaybeQueued(job.pk) from error.__cause__ or error
    # Any other error may have come after the commit, so the files stay; `tidy` knows orphans.
    if not is_new:
        image_files.delete(names)
        return _existing(job)
    with log_context.bound(job=job.pk, model=request.card.repo):
        log.info("job queued")
    return job


def _insert(
    job: Job,
    payer: User | None,
    *,
    deadline: timedelta,
    max_queued: int | None,
) -> bool:
    """False: there is such a job already, or too many are waiting."""
    with tracing.span("job.insert", job=str(job.pk)), transaction.atomic():
        if not queue.insert(job, deadline=deadline, max_queued=max_queued):
            return False
        if payer and job.has_own_hold:
            credits.hold(
                payer,
                amount_micro_usd=job.max_cost_micro_usd or 0,
                reference=job.hold_reference,
                key=job.key,
                # Jobs are deleted in a day, the ledger stays.
                model=job.card.repo,
                note=_in_words(job),
            )
        transaction.on_commit(lambda: faults.hit("submitted", job), robust=True)
        # The row itself is the outbox: if the message cannot be sent, the sweep sends it later.
        transaction.on_commit(lambda: wake.workers_for(job), robust=True)
    return True


def _in_words(job: Job) -> str:
    """What the job's owner pays for: `12 images`, `1 image and 3 texts`."""
    texts = len(job.text_inputs)
    parts = [
        f"{count:,} {name}{'' if count == 1 else 's'}"
        for count, name in ((job.image_count, "image"), (texts, "text"))
        if count
    ]
    return " and ".join(parts)


def _existing(job: Job) -> Job:
    """The one that the same submission has made before; raises TooManyQueued without one."""
    first = Job.objects.filter(pk=job.pk).first()
    if first is None:
        raise TooManyQueued(f"{job.fair_share_key} has too many jobs waiting")
    return first


def new_job(
    job_id: uuid.UUID, request: Request, *, requester: Requester, price: Price | None
) -> Job:
    """Not saved, and without its inputs; its times are the database's."""
    return Job(
        id=job_id,
        kind=request.kind,
        card=request.card,
        owner_id=requester.user_id,
        visitor=requester.visitor,
        key=requester.key,
        fair_share_key=requester.fair_share_key,
        request_id=log_context.request_id(),
        traceparent=tracing.current(),
        image_count=len(request.images),
        pixels=sum(image.pixels for image in request.images),
        text_tokens=request.text_tokens,
        keeps_preview=request.keeps_preview,
        payload=dict(request.payload),
        options=dict(request.options),
        is_paid=price is not None,
        # As they are now: a change of prices does not reach jobs that were submitted before.
        nano_usd_per_image=price.nano_usd_per_image if price else 0,
        nano_usd_per_text=price.nano_usd_per_text if price else 0,
        nano_usd_per_token=price.nano_usd_per_token if price else 0,
        max_cost_micro_usd=request.max_cost(price) if price else None,
    )


def inputs_of(request: Request, names: Sequence[str]) -> list[Input]:
    """As the job's row has them; `names` are those of the images' files."""
    files = iter(names)

    def input_of(item: ImageFile | str | UnusableInput) -> Input:
        if isinstance(item, str):
            return Input(text=item)
        if isinstance(item, UnusableInput):
            return Input(code=item.code, message=item.message)
        return Input(width=item.width, height=item.height, file=next(files))

    return list(map(input_of, request.inputs))


def _job_id(request: Request, requester: Requester, idempotency_key: str) -> uuid.UUID:
    if not idempotency_key:
        return uuid.uuid4()
    contents = [
        item.sha256 if isinstance(item, ImageFile) else str(item) for item in request.inputs
    ]
    parts = [requester.user_id, str(requester.visitor), idempotency_key, request.card.repo]
    content = json.dumps([*parts, request.kind, dict(request.payload), contents], sort_keys=True)
    return uuid.uuid5(uuid.NAMESPACE_OID, content)
