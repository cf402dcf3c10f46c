"""The few threads in which the API's synchronous work is done: queries, base64, JSON.

    job = await in_thread(jobs.submit, request, requester=requester)

A waiting request holds no thread and no connection: both go back as soon as the call returns.
(asgiref's sync_to_async would carry the request's context along, and with it make Django's wrapper
of the connection anew for every call.)
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import connections

from catalog.infrastructure import log_context
from catalog.infrastructure.outages import DATABASE_OUTAGES
from inference.api import shares

log = logging.getLogger(__name__)

# Longer than a database takes to restart, and than an idempotency key is held.
LATER_TRIES, LATER_PAUSE_S = 40, 2.0

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(max_workers=settings.API_THREADS, thread_name_prefix="api")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call returns or raises; the thread's database connection goes back to the pool.

    An account whose calls hold their part of the threads waits here, in its own line. Canceled
    before it has begun, the call is dropped; after that it is waited for.
    """
    share = shares.current()
    async with share.threads if share else nullcontext():
        future = _threads.submit(_prepared(partial(call, *args, **kwargs)))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # A thread that has begun cannot be stopped, and whoever cleans up comes after it.
            if not future.cancelled():
                await asyncio.gather(asyncio.wrap_future(future), return_exceptions=True)
            raise


def later(call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run a call that nobody can wait for any more: the request is being torn down.

    While the database is away it is tried again: what broke the request may be just that.
    """
    _try(asyncio.get_running_loop(), _prepared(partial(call, *args, **kwargs)), tries=LATER_TRIES)


def _try(loop: asyncio.AbstractEventLoop, call: Callable[[], object], *, tries: int) -> None:
    def look(future: "Future[object]") -> None:
        error = future.exception()
        if isinstance(error, DATABASE_OUTAGES) and tries > 1:
            again = partial(_try, loop, call, tries=tries - 1)
            with suppress(RuntimeError):  # the loop has ended, and so does the process
                loop.call_soon_threadsafe(loop.call_later, LATER_PAUSE_S, again)
        elif error:
            log.error("not cleaned up after a call: %r", error)

    _threads.submit(call).add_done_callback(look)


def return_connection() -> None:
    """Before long work without queries: the pool has not many more connections than threads.

    The next query takes one again, which costs a third of a millisecond.
    """
    connections.close_all()


def _prepared(call: Callable[[], T]) -> Callable[[], T]:
    """The call with the log fields of its request, and with a connection only while it runs."""

    def run() -> T:
        try:
            return call()
        finally:
            return_connection()

    return log_context.carried(run)
