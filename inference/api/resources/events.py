"""/v1/jobs/{id}/events: a job's way to its end, as server-sent events.

Each state has an id that only grows, so that a client that lost its connection says with
Last-Event-ID what it has seen, and is told only what is new. Nothing is kept for that: the row
says where the job is. A stream that waits costs an event and, now and then, a look at the row;
only ends are told by PostgreSQL, so that a job's start is seen at the next look.
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

from inference import notify
from inference.api import openapi
from inference.api.auth import Known
from inference.api.errors import NotFound, TooMany
from inference.api.resources import job_object
from inference.api.resources.jobs import JobId
from inference.api.threads import in_thread
from inference.models import Job, State

router = APIRouter(tags=["jobs"])

LOOK_AGAIN_S = 2.0
KEEP_ALIVE_S = 15.0
RETRY_MS = 2000
LONGEST_S = 15 * 60.0  # then the client comes back by itself, and its key is looked at again
MOST_STREAMS = 20  # of one account, in one web process

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
ANSWERS: openapi.Responses = openapi.errors(*openapi.ALWAYS, 400, 404) | {
    200: {
        "description": "Events `queued`, `running`, then `succeeded`, `failed` or `canceled`, whose"
        " data is the job without its result. The stream ends with the job.",
        "content": {"text/event-stream": {"schema": EVENT}},
    },
    204: {"description": "The job has ended, and Last-Event-ID says that its end was seen."},
}

_open: Counter[int] = Counter()


@dataclass(frozen=True)
class News:
    """Where a job is: an event's id, its name and its data (the API's job, as JSON).

    An estimate that moves is no news; a place in the queue is.
    """

    number: int
    name: str
    is_final: bool
    place: int | None
    data: dict[str, Any] = field(compare=False)

    def __str__(self) -> str:
        """As it stands in the stream: JSON has no line breaks of its own."""
        return f"id: {self.number}\nevent: {self.name}\ndata: {json.dumps(self.data)}\n\n"


@router.get(
    "/v1/jobs/{job_id}/events",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses=ANSWERS,
)
async def follow_job(caller: Known, job_id: JobId, last_event_id: LastEventId = None) -> Response:
    """Server-sent events until the job has ended; a comment every 15 seconds keeps them open."""
    seen = _number(last_event_id)
    news = await in_thread(look, caller.user.pk, job_id)
    if news is None:
        raise NotFound(
            "There is no such job; jobs are kept for a day.", code="job_not_found", param="job_id"
        )
    if news.is_final and seen >= news.number:
        return Response(status_code=204)  # an EventSource takes it as the word to stop
    if _open[caller.user.pk] >= MOST_STREAMS:
        raise TooMany(
            f"You follow {MOST_STREAMS} jobs at once, the most there may be.",
            code="too_many_streams",
            headers={"Retry-After": "10"},
        )
    return Stream(caller.user.pk, follow(caller.user.pk, job_id, seen=seen))


class Stream(StreamingResponse):
    """Counts as open from before its first byte: whoever comes at the same moment sees it."""

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


async def follow(user_id: int, job_id: str, *, seen: int = 0) -> AsyncIterator[str]:
    """The stream: what is newer than `seen`, until the end of the job."""
    until_s = time.monotonic() + LONGEST_S
    async with notify.current_listener().subscribe(uuid.UUID(job_id)) as subscription:
        yield f"retry: {RETRY_MS}\n\n"
        last, quiet_since_s = None, time.monotonic()
        while (now_s := time.monotonic()) < until_s:
            news = await in_thread(look, user_id, job_id)
            if news is None:
                return
            # A queue that moves is news under the same id.
            if news.number > seen or (last is not None and news != last):
                yield str(news)
                quiet_since_s = now_s
            elif now_s - quiet_since_s >= KEEP_ALIVE_S:
                yield ": still here\n\n"
                quiet_since_s = now_s
            if news.is_final:
                return
            last, seen = news, max(seen, news.number)
            await subscription.wait(LOOK_AGAIN_S)


def look(user_id: int, job_id: str) -> News | None:
    """Where the job is now; None: there is no such job of this person."""
    try:
        key = uuid.UUID(job_id)
    except ValueError:
        return None
    own = Job.objects.filter(owner=user_id, pk=key).select_related("card")
    job = own.defer("result", "vectors", "inputs", "payload").first()
    if job is None:
        return None
    data = job_object.in_short(job, set()) if job.is_final else job_object.describe(job)
    name = job_object.STATUS[State(job.state)]
    return News(number_of(job), name, job.is_final, data.get("queue_position"), data)


def number_of(job: Job) -> int:
    """Grows with each step: 1 queued, 2 running; 3, 4 if that was lost; the end comes after all."""
    if job.is_final:
        return 2 * job.attempt + 2
    return 2 * job.attempt + (1 if job.state == State.QUEUED else 0)


def _number(last_event_id: str | None) -> int:
    """What is not a number of ours was never seen."""
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
