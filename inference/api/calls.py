"""The one way of a call that costs work, in whatever dialect it was written.

    return await calls.run(Call(request, caller, fingerprint, ask, answers.scores))

key taken -> asked -> submitted -> waited for -> answered. Only a job that succeeds costs anything;
each other way out of here leaves nothing held.
"""

import asyncio
import hashlib
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from accounts import credits
from inference import jobs, waiting
from inference.api import answers, idempotency, job_object, limits
from inference.api.auth import Caller
from inference.api.envelope import facts_of
from inference.api.errors import (
    NO_RETRY,
    ApiError,
    Gone,
    OutOfCredit,
    Unauthorized,
    Unavailable,
)
from inference.api.preference import Preference, at_once
from inference.api.threads import in_thread, later
from inference.models import FINAL, IdempotentCall, Job, State

log = logging.getLogger(__name__)

RETRY_AFTER_S = 10
GRACE_S = 5


class ClientGone(Exception):
    """Nobody is there any more to answer."""


@dataclass(frozen=True)
class Call:
    """Who calls, what is asked (made when it is needed) and how the answer is written."""

    request: Request
    caller: Caller
    fingerprint: str
    ask: Callable[[Preference], Awaitable[jobs.Request]]
    answer: answers.Answer
    may_wait: bool = False

    @property
    def preference(self) -> Preference:
        """Dialects without a word for it answer as fast as they can."""
        return Preference.of(self.request.headers) if self.may_wait else at_once()


@dataclass(frozen=True)
class Written:
    """An answer, ready to be sent."""

    body: str
    status: int
    headers: dict[str, str]
    cost_micro_usd: int


async def run(call: Call) -> Response:
    """The answer, or 202 with the job for who prefers that; raises ApiError."""
    _note_retry(call)
    preference = call.preference
    row = await _begin(call)
    job_id = row.job_id if row else None
    try:
        if job_id is None:
            job_id = await _submit(call, preference, row)
        written = await _end_of(call, job_id, preference, row)
    except ClientGone:
        return Response(status_code=499)  # nobody reads it
    except ApiError:
        if row:
            await in_thread(idempotency.drop, row)
        raise
    except Exception:
        later(_let_go, job_id, row)
        raise
    facts_of(call.request).cost_micro_usd = written.cost_micro_usd
    return Response(written.body, written.status, written.headers, media_type="application/json")


def _let_go(job_id: uuid.UUID | None, row: IdempotentCall | None) -> None:
    """Something of ours broke. Who sends the call again under its key finds the job."""
    if row and job_id:
        idempotency.keep(row, job_id)
    elif row:
        idempotency.drop(row)
    elif job_id:
        _cancel_if_queued(job_id, None)


def _note_retry(call: Call) -> None:
    count = call.request.headers.get("x-stainless-retry-count", "0")
    if count != "0":
        log.info("client retries key=%s count=%.3s body=%s",
                 call.caller.key.pk, count, call.fingerprint[:16])  # fmt: skip


async def _begin(call: Call) -> IdempotentCall | None:
    key = idempotency.key_of(call.request.headers.get("idempotency-key"))
    if not key:
        return None
    sent = f"{call.request.url.path} {call.fingerprint}"
    return await in_thread(
        idempotency.begin, call.caller.user, endpoint=call.request.scope["route"].path, key=key,
        fingerprint=hashlib.sha256(sent.encode()).hexdigest(),
    )  # fmt: skip


async def _submit(call: Call, preference: Preference, row: IdempotentCall | None) -> uuid.UUID:
    asked = await call.ask(preference)
    deadline = (
        jobs.DEADLINE if preference.is_patient else timedelta(seconds=preference.wait_s + GRACE_S)
    )
    ticket = str(row.ticket) if row else ""
    job = await in_thread(_queue, call.caller, asked, ticket, deadline)
    request_id = facts_of(call.request).request_id
    log.info("call request_id=%s key=%s job=%s", request_id, call.caller.key.pk, job.pk)
    return job.pk


def _queue(caller: Caller, asked: jobs.Request, ticket: str, deadline: timedelta) -> Job:
    asker = caller.asker
    limits.may_queue(asker.payer)
    try:
        return jobs.submit(asked, asker=asker, ticket=ticket, payer=caller.user, deadline=deadline)
    except credits.NotEnoughCredit as error:
        raise OutOfCredit(
            f"{error} Add credit on your account page.",
            metadata={"available_micro_usd": error.available, "wanted_micro_usd": error.wanted},
        ) from error
    except credits.KeyLimitReached as error:
        raise OutOfCredit(
            str(error), code="key_limit_reached",
            metadata={"left_micro_usd": error.left, "wanted_micro_usd": error.wanted},
        ) from error  # fmt: skip
    except credits.KeyEnded as error:
        raise Unauthorized from error


async def _end_of(
    call: Call, job_id: uuid.UUID, preference: Preference, row: IdempotentCall | None
) -> Written:
    """The answer when the job ends, or when the time is over: an impatient one is then cancelled.

    Raises ClientGone, and ApiError for a job that failed.
    """
    if preference.is_for_the_job:
        return await in_thread(_written_late, call, job_id, row)
    until_s = time.monotonic() + preference.wait_s
    async with waiting.here().for_end_of(job_id) as end, _gone(call.request) as gone:
        try:
            # A look before each wait: it may have ended before we listened.
            while not (written := await in_thread(_written_if_ended, call, job_id, row)):
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    break
                await _either(end.wait(left_s), gone)
        except (ClientGone, asyncio.CancelledError):
            if not preference.is_patient:
                later(_cancel_if_queued, job_id, row)
            raise
    if written:
        return written
    return await in_thread(_written_late, call, job_id, row)


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


def _written_if_ended(call: Call, job_id: uuid.UUID, row: IdempotentCall | None) -> Written | None:
    """None: it goes on. The cheap question first, for there may be vectors in the row."""
    state = Job.objects.filter(pk=job_id).values_list("state", flat=True).first()
    is_open = state is not None and state not in FINAL
    return None if is_open else _write(call, _load(job_id), row)


def _written_late(call: Call, job_id: uuid.UUID, row: IdempotentCall | None) -> Written:
    """The job that goes on, for who prefers that; else it ends here, unless it just did."""
    job = _load(job_id)
    if job.is_final or call.preference.is_patient:
        return _write(call, job, row)
    if not jobs.cancel(job):
        return _write(call, _load(job_id), row)
    raise Unavailable(
        "The answer took too long, so the job was cancelled; nothing was charged. Let it wait with"
        " `Prefer: respond-async`, and ask for it later.",
        retry_after_s=RETRY_AFTER_S,
        code="not_in_time",
        headers=NO_RETRY,  # each retry would be as long
    )


def _write(call: Call, job: Job, row: IdempotentCall | None) -> Written:
    """In a thread: a large answer takes a while. From now on its idempotency key leads to it.

    Raises ApiError for a job that failed, unless the job itself was asked for: then it tells.
    """
    preference = call.preference
    is_answer = job.is_final and not preference.is_for_the_job
    if is_answer and job.state != State.SUCCEEDED:
        raise job_object.error_of(job)
    headers = {"Preference-Applied": preference.applied} if preference.applied else {}
    if row and row.job_id:
        headers["Idempotent-Replayed"] = "true"
    if not is_answer:
        headers["Location"] = f"/v1/jobs/{job.pk}"
    found = call.answer(job) if is_answer else job_object.describe(job)
    body = json.dumps(found, allow_nan=False, separators=(",", ":"))
    if row:
        idempotency.keep(row, job.pk)
    return Written(body, 200 if is_answer else 202, headers, job.cost_micro_usd or 0)


def _load(job_id: uuid.UUID) -> Job:
    job = Job.objects.select_related("card").filter(pk=job_id).first()
    if job is None:
        raise Gone("The job was deleted.", code="job_deleted")
    return job


def _cancel_if_queued(job_id: uuid.UUID, row: IdempotentCall | None) -> None:
    """What runs is finished: it can be read at /v1/jobs, or by the same idempotency key."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return
    is_cancelled = jobs.cancel(job, among=[State.QUEUED])
    if row and is_cancelled:
        idempotency.drop(row)
    elif row:
        idempotency.keep(row, job.pk)
