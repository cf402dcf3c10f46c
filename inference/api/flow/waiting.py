"""Waiting for a job to end, without a thread, while the client stays connected."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

from starlette.requests import Request

from inference import notify


class ClientGone(Exception):
    pass


INTERRUPTIONS = (ClientGone, asyncio.CancelledError)


async def wakeups(
    job_id: uuid.UUID, request: Request, *, timeout_s: float, since_s: float
) -> AsyncGenerator[None]:
    """Yields each time the job may have ended, until `timeout_s` is over.

    `since_s`: no end before it can have been missed (time.monotonic). Raises ClientGone.
    """
    until_s = time.monotonic() + timeout_s
    async with (
        notify.current_listener().subscribe(job_id, since_s=since_s) as subscription,
        _disconnect(request) as disconnect,
    ):
        while (remaining_s := until_s - time.monotonic()) > 0:
            await _first_of(subscription.wait(remaining_s), disconnect)
            yield


async def _first_of(notification: Awaitable[bool], disconnect: "asyncio.Task[None]") -> None:
    waiting = asyncio.ensure_future(notification)
    try:
        await asyncio.wait({waiting, disconnect}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    if disconnect.done():
        raise ClientGone


@asynccontextmanager
async def _disconnect(request: Request) -> AsyncIterator["asyncio.Task[None]"]:
    # The body has been read by now, so that nothing but the disconnect can arrive.
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
