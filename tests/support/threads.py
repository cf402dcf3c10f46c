"""Real threads for races: each with its own database connection, all starting at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(call: Callable[[int], T], times: int) -> list[T]:
    """Results of `call(0) .. call(times - 1)`, run together; the first error is raised."""
    gate = threading.Barrier(times)

    def run(index: int) -> T:
        try:
            gate.wait(timeout=20)
            return call(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))
