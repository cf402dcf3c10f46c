"""The event loop of a worker that fetches: one for all of its threads.

Bounds on connections hold across messages, since all fetches of the process meet here. The thread
of a task waits for its result, so a message is acknowledged when its pictures are there.
"""

import asyncio
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """What the coroutine returns or raises; called from any thread but the loop's own."""
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="fetch", daemon=True).start()
    return loop
