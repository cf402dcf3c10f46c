"""Waiting for a job to end, without a thread, while the client stays connected."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from starlette.requests import Request

from inference import notify

Result = TypeVar("Result")


class ClientGone(Exception):
    pass


class Client:
    """The connection of a caller whose body has been read."""

    def __init__(self, disconnect: "asyncio.Task[Any]") -> None:
        self._disconnect = disconnect

    async def stays_for(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What the work returns or raises. Raises ClientGone, when the work has ended or was
        dropped: nobody would read its answer.
        """
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, self._disconnect}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if task.cancelled():
            raise ClientGone
        result = task.result()
        if self._disconnect.done():
            raise ClientGone
        return result


@asynccontextmanager
async def connected(request: Request) -> AsyncIterator[Client]:
    # The body has been read by now, so that nothing but the disconnect can arrive.
    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(listen())
    try:
        yield Client(task)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def wakeups(
    job_id: uuid.UUID, client: Client, *, timeout_s: float, since_s: float
) -> AsyncGenerator[None]:
    """Yields each time the job may have ended, until `timeout_s` is over or the process leaves.

    `since_s`: no end before it can have been missed (time.monotonic). Raises ClientGone.
    """
    until_s = time.monotonic() + timeout_s
    listener = notify.current_listener()
    async with listener.subscribe(job_id, since_s=since_s) as subscription:
        while (remaining_s := until_s - time.monotonic()) > 0:
            if not listener.is_leaving:
                await client.stays_for(subscription.wait(remaining_s))
            yield
            if listener.is_leaving:
                return
