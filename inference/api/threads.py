"""The few threads in which the API's synchronous work is done: queries, base64, JSON.

    job = await in_thread(jobs.submit, request, asker=asker)

A waiting request holds no thread and no connection: both go back as soon as the call returns.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(max_workers=settings.API_THREADS, thread_name_prefix="api")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call returns or raises; the thread's database connection goes back to the pool."""

    def with_own_connection() -> T:
        try:
            return call(*args, **kwargs)
        finally:
            connections.close_all()

    run = sync_to_async(with_own_connection, thread_sensitive=False, executor=_threads)
    return await run()


def later(call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run a call that nobody can wait for any more: the request is being torn down."""

    def with_own_connection() -> None:
        try:
            call(*args, **kwargs)
        finally:
            connections.close_all()

    _threads.submit(with_own_connection)
