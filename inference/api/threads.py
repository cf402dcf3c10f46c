"""The few threads in which the API's synchronous work is done: queries, base64, JSON.

    job = await in_thread(jobs.submit, request, requester=requester)

A waiting request holds no thread and no connection: both go back as soon as the call returns.
(asgiref's sync_to_async would carry the request's context along, and with it make Django's wrapper
of the connection anew for every call.)
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import connections

from catalog.infrastructure import log_context

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(max_workers=settings.API_THREADS, thread_name_prefix="api")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call returns or raises; the thread's database connection goes back to the pool."""

    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, _prepared(partial(call, *args, **kwargs)))


def later(call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run a call that nobody can wait for any more: the request is being torn down."""

    _threads.submit(_prepared(partial(call, *args, **kwargs)))


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
