"""The one way of a call that costs work, in whatever dialect it was written.

    return await call.run(Call(request, caller, raw_body, parse, serializers.native))

idempotency key claimed -> parsed -> submitted -> waited for -> answered. A call that is identical
to one that is being answered waits for its job instead (joining). Only a job that succeeds costs
anything; each other way out of here leaves nothing held. A call hands its work to a thread
twice, up to its job and from its end (three times with images to fetch): the handover costs more
than the work.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import aclosing, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from accounts import credits
from catalog.infrastructure.outages import OUTAGES
from catalog.models import ModelCard
from inference import notify
from inference.api.auth import Caller
from inference.api.errors import ApiError, field_errors
from inference.api.flow import idempotency, joining, serializers, submission, waiting
from inference.api.flow.response import ApiResponse, ResponseWriter
from inference.api.request import reader
from inference.api.request.preference import Preference, default_preference
from inference.api.request_context import context_of
from inference.api.threads import in_thread, later
from inference.jobs import MaybeQueued, call_rates
from inference.kinds.fields import schema
from inference.kinds.request import ParsedRequest
from inference.models import IdempotentCall, Job
from inference.outbound.errors import FetchUnavailable

Body = TypeVar("Body", bound=schema.Body)
MaybeResponse = TypeVar("MaybeResponse", bound=ApiResponse | None)


@dataclass(frozen=True)
class Call(Generic[Body]):
    """A request on its way. `parse` may raise FieldError."""

    request: Request
    caller: Caller
    raw_body: reader.RawBody[Body]
    parse: Callable[[Body, Preference], ParsedRequest]
    serialize: serializers.Serializer
    may_wait: bool = False

    @property
    def preference(self) -> Preference:
        # Other services' clients do not know what a 202 is.
        return (
            Preference.from_headers(self.request.headers) if self.may_wait else default_preference()
        )


@dataclass
class Attempt:
    """How far a call has come. `parsed` has images to fetch; it is None once it was submitted."""

    idempotent_call: IdempotentCall | None = None
    parsed: ParsedRequest | None = None
    card: ModelCard | None = None
    job_id: uuid.UUID | None = None
    # The job is an earlier call's, known by its key.
    is_replay: bool = False
    # By which identical calls find the job; "" for one that nobody joins.
    call_hash: str = ""
    has_joined: bool = False
    # The job cannot end before, and the listener misses nothing from then on.
    since_s: float = field(default_factory=time.monotonic)


async def run(call: Call[Body]) -> Response:
    """The answer, or 202 with the job where that is preferred; raises ApiError."""
    preference = call.preference
    await notify.current_listener().start()
    attempt = Attempt()
    try:
        async with waiting.connected(call.request) as client:
            await client.stays_for(in_thread(_parse_and_submit, call, preference, attempt))
            async with idempotency.renewed(attempt.idempotent_call):
                answer = await _fetch_and_answer(call, preference, attempt, client)
    except ApiError:
        await _release(attempt.idempotent_call)
        raise
    except waiting.ClientGone:
        later(_clean_up, attempt, has_left=not preference.accepts_202)
        return Response(status_code=499)  # nginx's word for it; nobody reads it
    except asyncio.CancelledError:
        later(_clean_up, attempt, has_left=not preference.accepts_202)
        raise
    except Exception:
        # Who repeats a call without an Idempotency-Key makes another: nobody comes for this job.
        later(_clean_up, attempt, has_left=not attempt.idempotent_call)
        raise
    # Who adds up headers must not count an answer twice that was paid for once.
    context_of(call.request).cost_micro_usd = 0 if attempt.is_replay else answer.cost_micro_usd
    return Response(answer.body, answer.status, answer.headers, media_type="application/json")


async def _release(idempotent_call: IdempotentCall | None) -> None:
    if idempotent_call:
        try:
            await in_thread(idempotency.release, idempotent_call)
        except OUTAGES:
            later(idempotency.release, idempotent_call)


def _parse_and_submit(call: Call[Body], preference: Preference, attempt: Attempt) -> None:
    body, fingerprint = call.raw_body.parse()
    submission.log_retry(call.request, call.caller, fingerprint)
    attempt.idempotent_call = submission.claim_key(call.request, call.caller, fingerprint)
    if attempt.idempotent_call and attempt.idempotent_call.job_id:
        attempt.job_id, attempt.is_replay = attempt.idempotent_call.job_id, True
        return
    # A key of its own says that it is another call; whoever takes a 202 comes back for the job.
    if not attempt.idempotent_call and not preference.accepts_202:
        attempt.call_hash = joining.hash_of(call.request, fingerprint)
        attempt.job_id = joining.join(call.caller.key, attempt.call_hash)
        attempt.has_joined = attempt.job_id is not None
    if attempt.has_joined:
        return
    with field_errors():
        ignored = body.ignored()
        parsed = call.parse(body, preference).with_ignored(ignored)
    if url := body.webhook_url:
        submission.name_webhook(call.caller, url)
    attempt.parsed = parsed.with_webhook(url)
    if not attempt.parsed.has_urls:
        _submit(call, preference, attempt)


async def _fetch_and_answer(
    call: Call[Body], preference: Preference, attempt: Attempt, client: waiting.Client
) -> ApiResponse:
    if attempt.parsed:
        attempt.parsed = await client.stays_for(_fetch(call, attempt.parsed))
        await client.stays_for(in_thread(_submit, call, preference, attempt))
    if share := context_of(call.request).share:
        share.forget_body()  # the job is stored
    return await _answer(call, preference, attempt, client)


async def _fetch(call: Call[Body], parsed: ParsedRequest) -> ParsedRequest:
    """Raises ApiError. What the fetch workers did in vain counts against the caller's rate."""
    share, key = context_of(call.request).share, call.caller.key
    async with share.fetches if share else nullcontext():
        began_s = time.monotonic()
        try:
            with field_errors():
                return await parsed.fetch()
        except FetchUnavailable:
            raise  # our fault, wherever the URLs lead
        except BaseException:  # a caller who hung up, too
            seconds = time.monotonic() - began_s
            later(call_rates.count_waste, key.pk, key.user_id, seconds)
            raise


def _submit(call: Call[Body], preference: Preference, attempt: Attempt) -> None:
    parsed, attempt.parsed = attempt.parsed, None  # its bytes are free once the job is stored
    assert parsed is not None  # noqa: S101  both callers have set it
    try:
        job = submission.submit(
            call.request, call.caller, parsed, preference, attempt.idempotent_call
        )
    except MaybeQueued as error:
        attempt.job_id = error.job_id  # cleaning up looks whether there is such a job
        raise
    attempt.job_id, attempt.card = job.pk, parsed.card
    if attempt.call_hash:
        attempt.job_id = joining.register(call.caller.key, attempt.call_hash, job)
        attempt.has_joined = attempt.job_id != job.pk


async def _answer(
    call: Call[Body], preference: Preference, attempt: Attempt, client: waiting.Client
) -> ApiResponse:
    """When the job has ended, or when the time is over.

    Raises ClientGone, and ApiError for a job that failed or took too long.
    """
    job_id = attempt.job_id
    assert job_id is not None  # noqa: S101  it was submitted
    writer = ResponseWriter(call.serialize, preference, attempt.idempotent_call, attempt.card)
    if not preference.is_async:
        # A job that an idempotency key led to may have ended long ago.
        may_have_ended = attempt.idempotent_call or attempt.has_joined
        since_s = 0.0 if may_have_ended else attempt.since_s
        wakeups = waiting.wakeups(job_id, client, timeout_s=preference.wait_s, since_s=since_s)
        async with aclosing(wakeups):
            async for _ in wakeups:
                if answer := await in_thread(_with_balance, call, writer.if_ended, job_id):
                    return answer
    is_leaving = notify.current_listener().is_leaving
    write = writer.leaving if is_leaving else writer.late
    return await in_thread(_with_balance, call, write, job_id)


def _with_balance(
    call: Call[Body], write: Callable[[uuid.UUID], MaybeResponse], job_id: uuid.UUID
) -> MaybeResponse:
    answer = write(job_id)
    if answer:
        # For the headers: here, since another handover to a thread would cost more than the query.
        with suppress(*OUTAGES):
            context_of(call.request).available_micro_usd = credits.available_to(call.caller.user)
    return answer


def _clean_up(attempt: Attempt, *, has_left: bool) -> None:
    """Nobody is answered: free what the call held. `has_left`: nor will anybody ask for its job."""
    idempotent_call, job_id = attempt.idempotent_call, attempt.job_id
    if job_id and not Job.objects.filter(pk=job_id).exists():
        job_id = None
    if job_id and has_left and not attempt.is_replay and _leave(job_id):
        job_id = None
    if idempotent_call and job_id:
        # A retry under the same key finds the job, running or ended.
        idempotency.complete(idempotent_call, job_id)
    elif idempotent_call:
        idempotency.release(idempotent_call)


def _leave(job_id: uuid.UUID) -> bool:
    # Running or not: nobody would read its result, and nobody should pay for it.
    job = Job.objects.filter(pk=job_id).first()
    return job is not None and joining.leave(job)
