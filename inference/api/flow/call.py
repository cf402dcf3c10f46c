"""The one way of a call that costs work, in whatever dialect it was written.

    return await calls.run(Call(request, caller, received, ask, answers.scores))

key taken -> asked -> submitted -> waited for -> answered. Only a job that succeeds costs anything;
each other way out of here leaves nothing held. A call takes two turns in a thread, one up to its
job and one from its end (three with pictures to fetch): a turn costs more than what is done in it.
"""

import asyncio
import hashlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from django.conf import settings
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from accounts import credits
from catalog.infrastructure.outages import OUTAGES
from catalog.models import ModelCard
from inference import jobs, notify
from inference.api import limits
from inference.api.auth import Caller
from inference.api.errors import ApiError, OutOfCredit, Unauthorized
from inference.api.flow import idempotency, serializers
from inference.api.flow.response import Writer, Written
from inference.api.middleware import facts_of
from inference.api.request import reader
from inference.api.request.parsed import Asked
from inference.api.request.preference import Preference, at_once
from inference.api.threads import in_thread, later
from inference.models import IdempotentCall, Job, State

log = logging.getLogger(__name__)

GRACE_S = 5

Body = TypeVar("Body", bound=BaseModel)
Outcome = TypeVar("Outcome", bound=Written | None)


class ClientGone(Exception):
    """Nobody is there any more to answer."""


@dataclass(frozen=True)
class Call(Generic[Body]):
    """Who calls, what was sent, how to read it as a wish, and how the answer is written."""

    request: Request
    caller: Caller
    received: reader.Received[Body]
    ask: Callable[[Body, Preference], Asked]
    answer: serializers.Answer
    may_wait: bool = False

    @property
    def preference(self) -> Preference:
        """Dialects without a word for it answer as fast as they can."""
        return Preference.of(self.request.headers) if self.may_wait else at_once()


@dataclass
class Attempt:
    """How far a call has come: its idempotency key, what is left to fetch, its job."""

    row: IdempotentCall | None = None
    asked: Asked | None = None
    card: ModelCard | None = None
    job_id: uuid.UUID | None = None
    # From then on an end of the job is heard.
    since_s: float = field(default_factory=time.monotonic)


async def run(call: Call[Body]) -> Response:
    """The answer, or 202 with the job for who prefers that; raises ApiError."""
    preference = call.preference
    await notify.here().listen()
    attempt = Attempt()
    try:
        await in_thread(_begin, call, preference, attempt)
        if attempt.asked:
            attempt.asked = await attempt.asked.fetched()
            await in_thread(_queue, call, preference, attempt)
        written = await _end_of(call, preference, attempt)
    except ClientGone:
        return Response(status_code=499)  # nobody reads it
    except ApiError:
        if attempt.row:
            await in_thread(idempotency.drop, attempt.row)
        raise
    except Exception:
        later(_let_go, attempt)
        raise
    facts = facts_of(call.request)
    facts.cost_micro_usd = written.cost_micro_usd
    return Response(written.body, written.status, written.headers, media_type="application/json")


def _let_go(attempt: Attempt) -> None:
    """Something of ours broke. Who sends the call again under its key finds the job."""
    row, job_id = attempt.row, attempt.job_id
    if row and job_id:
        idempotency.keep(row, job_id)
    elif row:
        idempotency.drop(row)
    elif job_id:
        _cancel_if_queued(attempt)


def _begin(call: Call[Body], preference: Preference, attempt: Attempt) -> None:
    """All that leads to a queued job; or as far as what has to be fetched for it first."""
    body, fingerprint = call.received.parse()
    _note_retry(call, fingerprint)
    attempt.row = _take_hold_of_key(call, fingerprint)
    if attempt.row and attempt.row.job_id:
        attempt.job_id = attempt.row.job_id
        return
    attempt.asked = call.ask(body, preference)
    if attempt.asked.is_here:
        _queue(call, preference, attempt)


def _note_retry(call: Call[Body], fingerprint: str) -> None:
    count = call.request.headers.get("x-stainless-retry-count", "0")
    if count != "0":
        log.info(
            "client retries key=%s count=%.3s body=%s", call.caller.key.pk, count, fingerprint[:16]
        )


def _take_hold_of_key(call: Call[Body], fingerprint: str) -> IdempotentCall | None:
    key = idempotency.key_of(call.request.headers.get("idempotency-key"))
    if not key:
        return None
    sent = f"{call.request.url.path} {fingerprint}"
    return idempotency.begin(
        call.caller.user,
        endpoint=call.request.scope["route"].path,
        key=key,
        fingerprint=hashlib.sha256(sent.encode()).hexdigest(),
    )


def _queue(call: Call[Body], preference: Preference, attempt: Attempt) -> None:
    """What was asked becomes a job, and what was sent is let go."""
    asked, attempt.asked = attempt.asked, None
    assert asked is not None  # noqa: S101  the way here
    deadline = (
        jobs.DEADLINE if preference.is_patient else timedelta(seconds=preference.wait_s + GRACE_S)
    )
    job = _submit(
        call.caller, asked, ticket=str(attempt.row.ticket) if attempt.row else "", deadline=deadline
    )
    attempt.job_id, attempt.card = job.pk, asked.card
    request_id = facts_of(call.request).request_id
    log.info("call request_id=%s key=%s job=%s", request_id, call.caller.key.pk, job.pk)


def _submit(caller: Caller, asked: Asked, *, ticket: str, deadline: timedelta) -> Job:
    asker = caller.asker
    request = asked.request()
    try:
        return jobs.submit(
            request,
            asker=asker,
            ticket=ticket,
            payer=caller.user,
            deadline=deadline,
            most_queued=settings.API_QUEUED_JOBS,
        )
    except jobs.TooManyQueued as error:
        raise limits.too_many_queued() from error
    except credits.NotEnoughCredit as error:
        raise OutOfCredit(
            f"{error} Add credit on your account page.",
            metadata={"available_micro_usd": error.available, "wanted_micro_usd": error.wanted},
        ) from error
    except credits.KeyLimitReached as error:
        raise OutOfCredit(
            str(error),
            code="key_limit_reached",
            metadata={"left_micro_usd": error.left, "wanted_micro_usd": error.wanted},
        ) from error
    except credits.KeyEnded as error:
        raise Unauthorized from error


async def _end_of(call: Call[Body], preference: Preference, attempt: Attempt) -> Written:
    """The answer when the job ends, or when the time is over: an impatient one is then cancelled.

    Raises ClientGone, and ApiError for a job that failed.
    """
    assert attempt.job_id is not None  # noqa: S101  it was begun
    writer = Writer(call.answer, preference, attempt.row, attempt.card)
    if preference.is_for_the_job:
        return await in_thread(_with_balance, call, writer.late, attempt.job_id)
    until_s = time.monotonic() + preference.wait_s
    # A job that an idempotency key led to may have ended long ago.
    since_s = 0.0 if attempt.row else attempt.since_s
    hears = notify.here().for_end_of(attempt.job_id, since_s=since_s)
    async with hears as end, _gone(call.request) as gone:
        try:
            while (left_s := until_s - time.monotonic()) > 0:
                await _either(end.wait(left_s), gone)
                written = await in_thread(_with_balance, call, writer.if_ended, attempt.job_id)
                if written:
                    return written
        except (ClientGone, asyncio.CancelledError):
            if not preference.is_patient:
                later(_cancel_if_queued, attempt)
            raise
    return await in_thread(_with_balance, call, writer.late, attempt.job_id)


def _with_balance(
    call: Call[Body], write: Callable[[uuid.UUID], Outcome], job_id: uuid.UUID
) -> Outcome:
    """The headers will say what is left: it is asked now, in this turn of a thread."""
    written = write(job_id)
    if written:
        with suppress(*OUTAGES):  # no reason to withhold an answer
            facts_of(call.request).available_micro_usd = credits.available_to(call.caller.user)
    return written


async def _either(news: Awaitable[bool], gone: "asyncio.Task[None]") -> None:
    told = asyncio.ensure_future(news)
    try:
        await asyncio.wait({told, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        with suppress(asyncio.CancelledError):
            await told
    if gone.done():
        raise ClientGone


@asynccontextmanager
async def _gone(request: Request) -> AsyncIterator["asyncio.Task[None]"]:
    """A task that ends when the client hangs up; the body has been read by now."""

    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(listen())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _cancel_if_queued(attempt: Attempt) -> None:
    """What runs is finished: it can be read at /v1/jobs, or by the same idempotency key."""
    row, job_id = attempt.row, attempt.job_id
    job = Job.objects.filter(pk=job_id).first() if job_id else None
    if job is None:
        return
    is_cancelled = jobs.cancel(job, among=[State.QUEUED])
    if row and is_cancelled:
        idempotency.drop(row)
    elif row:
        idempotency.keep(row, job.pk)
