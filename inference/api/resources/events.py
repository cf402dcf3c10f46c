"""/v1/jobs/{id}/events: the states of a job as server-sent events.

Each state has an id that only grows. A client that lost its connection says with Last-Event-ID
what it has seen, and gets only what is new. Nothing is stored for that: the row says where the job
is. An open stream costs an event of asyncio and a look at the row every few seconds; PostgreSQL
notifies of ends only, so that a job's start is seen at the next look.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from inference import kinds, notify
from inference.api import openapi
from inference.api.auth import AnyCaller
from inference.api.errors import NotFound, TooMany
from inference.api.resources import job_object
from inference.api.resources.jobs import JobId
from inference.api.schemas import examples
from inference.api.threads import in_thread
from inference.models import Job, State

router = APIRouter(tags=["jobs"])

LOOK_AGAIN_S = 2.0
KEEP_ALIVE_S = 15.0
RETRY_MS = 2000
LONGEST_S = 15 * 60.0  # then the client comes back by itself, and its key is looked at again
MAX_STREAMS = 20  # of one account, in one web process

# One event, as readers of such streams take it apart.
EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "description": "the job as JSON"},
        "retry": {"type": "integer", "description": "milliseconds"},
    },
}

LastEventId = Annotated[
    str | None, Header(max_length=20, description="The id of the last event that was seen.")
]
EXAMPLE = {
    "id": "3",
    "event": "running",
    "data": json.dumps(examples.JOB_IN_SHORT | {"status": "running", "finished_at": None}),
}
ANSWERS: openapi.Responses = openapi.errors(*openapi.ALWAYS, 400, 404, noun="job") | {
    200: {
        "description": "Events `queued`, `running`, then `succeeded`, `failed` or `canceled`, whose"
        " data is the job without its result. The stream ends with the job.",
        "content": {"text/event-stream": {"schema": EVENT, "example": EXAMPLE}},
        "headers": openapi.headers_of(200),
    },
    204: {
        "description": "The job has ended, and Last-Event-ID says that its end was seen.",
        "headers": openapi.headers_of(204),
    },
}

_open: Counter[int] = Counter()


@dataclass(frozen=True)
class JobEvent:
    number: int
    name: str
    is_final: bool
    queue_position: int | None
    # Left out of comparisons: an estimate that moves is no event, a position that does is.
    data: dict[str, Any] = field(compare=False)

    def __str__(self) -> str:
        # JSON has no line breaks of its own, so one `data:` line is enough.
        return f"id: {self.number}\nevent: {self.name}\ndata: {json.dumps(self.data)}\n\n"


@router.get(
    "/v1/jobs/{job_id}/events",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses=ANSWERS,
)
async def follow_job(
    caller: AnyCaller, job_id: JobId, last_event_id: LastEventId = None
) -> Response:
    """Server-sent events until the job has ended; a comment every 15 seconds keeps them open."""
    last_number = _parse_number(last_event_id)
    event = await in_thread(look_up, caller.user.pk, job_id)
    if event is None:
        raise NotFound(
            "There is no such job; jobs are kept for a day.", code="job_not_found", param="job_id"
        )
    if event.is_final and last_number >= event.number:
        return Response(status_code=204)  # tells an EventSource not to connect again
    if _open[caller.user.pk] >= MAX_STREAMS:
        raise TooMany(
            f"You follow {MAX_STREAMS} jobs at once, the most there may be.",
            code="too_many_streams",
            headers={"Retry-After": "10"},
        )
    return Stream(caller.user.pk, follow(caller.user.pk, job_id, last_number=last_number))


class Stream(StreamingResponse):
    # Counts as open before its first byte, so that two at the same moment count each other.
    def __init__(self, user_id: int, content: AsyncIterator[str]) -> None:
        super().__init__(
            content,
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},  # nginx would hold them back
        )
        self.user_id = user_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with _counted(self.user_id):
            await super().__call__(scope, receive, send)


async def follow(user_id: int, job_id: str, *, last_number: int = 0) -> AsyncIterator[str]:
    """The stream: what comes after event `last_number`, until the end of the job."""
    until_s = time.monotonic() + LONGEST_S
    listener = notify.current_listener()
    async with listener.subscribe(uuid.UUID(job_id)) as subscription:
        yield f"retry: {RETRY_MS}\n\n"
        last, quiet_since_s = None, time.monotonic()
        while (now_s := time.monotonic()) < until_s:
            event = await in_thread(look_up, user_id, job_id)
            if event is None:
                return
            # A position in the queue changes under the same number.
            if event.number > last_number or (last is not None and event != last):
                yield str(event)
                quiet_since_s = now_s
            elif now_s - quiet_since_s >= KEEP_ALIVE_S:
                yield ": still here\n\n"  # a comment: proxies close what is silent
                quiet_since_s = now_s
            if event.is_final or listener.is_leaving:
                return  # whom this process leaves comes back with Last-Event-ID
            last, last_number = event, max(last_number, event.number)
            await subscription.wait(LOOK_AGAIN_S)


def look_up(user_id: int, job_id: str) -> JobEvent | None:
    try:
        pk = uuid.UUID(job_id)
    except ValueError:
        return None
    own_jobs = kinds.readable(Job.objects.filter(owner=user_id)).select_related("card")
    job = own_jobs.defer("result", "vectors", "inputs", "payload").filter(pk=pk).first()
    if job is None:
        return None
    data = job_object.summarize(job, set()) if job.is_final else job_object.describe(job)
    name = job_object.STATUS[State(job.state)]
    return JobEvent(number_of(job), name, job.is_final, data.get("queue_position"), data)


def number_of(job: Job) -> int:
    """Grows with each step: 1 queued, 2 running; 3, 4 if that was lost; the end comes after all."""
    if job.is_final:
        return 2 * job.attempt + 2
    return 2 * job.attempt + (1 if job.state == State.QUEUED else 0)


def _parse_number(last_event_id: str | None) -> int:
    # What is not a number of ours was never seen: the stream begins from the first event.
    text = last_event_id or ""
    return int(text) if text.isascii() and text.isdigit() else 0


@contextmanager
def _counted(user_id: int) -> Iterator[None]:
    _open[user_id] += 1
    try:
        yield
    finally:
        _open[user_id] -= 1
        if not _open[user_id]:
            del _open[user_id]
