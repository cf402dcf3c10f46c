"""Waiting for jobs to end: one PostgreSQL connection a web process, however many wait.

    waiting = Waiting()
    async with waiting.for_end_of(job_id) as ended:
        ...                      # look at the row: it may have ended before we listened
        await ended.wait(10.0)   # True: look again; False: the time is over

    await waiting.listen()
    since_s = time.monotonic()
    ...                          # queue a job: however fast it ends, the end is not missed
    async with waiting.for_end_of(job_id, since_s=since_s) as ended:

A waiter costs an event, not a thread. PostgreSQL tells of an end when its transaction commits
(send). While the connection is lost no news arrives, so everybody is woken when it is back, to
look for themselves.
"""

import asyncio
import logging
import math
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection, connections

log = logging.getLogger(__name__)

CHANNEL = "jobs_ended"  # PostgreSQL's name for it
KEYS_PER_MESSAGE = 200  # a payload has 8,000 bytes, a key 36

LISTEN_AGAIN_S = 1.0
# Without a word for so long, the connection is asked whether it still lives.
SILENCE_S = 30.0
# Ends that are remembered for who asks a moment later: some seconds of the busiest site.
REMEMBERED = 10_000


@dataclass
class End:
    """The end of one job, for one who waits for it."""

    _event: asyncio.Event = field(default_factory=asyncio.Event)

    def happened(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """True: there may be news, look at the job. False: nothing happened in time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_s)
        is_news = self._event.is_set()
        self._event.clear()
        return is_news


class Waiting:
    """All who wait in this process, and the connection that listens for them."""

    def __init__(self) -> None:
        self._ends: dict[uuid.UUID, set[int]] = {}
        self._by_id: dict[int, End] = {}
        self._ended: OrderedDict[uuid.UUID, None] = OrderedDict()
        self._hears_since_s = math.inf  # deaf
        self._listener: asyncio.Task[None] | None = None
        self._listens = asyncio.Event()

    def __len__(self) -> int:
        return len(self._by_id)

    @asynccontextmanager
    async def for_end_of(
        self, job_id: uuid.UUID, *, since_s: float | None = None
    ) -> AsyncIterator[End]:
        """Listen for a job's end; what ended before has to be seen by a look at its row.

        `since_s`: no look is needed for what has happened since (time.monotonic). If we were deaf
        for a part of that time, that is news.
        """
        await self.listen()
        end = End()
        if since_s is not None and (since_s < self._hears_since_s or job_id in self._ended):
            end.happened()
        self._by_id[id(end)] = end
        self._ends.setdefault(job_id, set()).add(id(end))
        try:
            yield end
        finally:
            del self._by_id[id(end)]
            self._ends[job_id].discard(id(end))
            if not self._ends[job_id]:
                del self._ends[job_id]

    def close(self) -> None:
        if self._listener:
            self._listener.cancel()
            self._listener = None

    async def listen(self) -> None:
        """Start the listener with the first waiter; do not wait for it when PostgreSQL is away."""
        if self._listener is None or self._listener.done():
            self._listens.clear()
            self._listener = asyncio.create_task(self._keep_listening())
        if not self._listens.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._listens.wait(), LISTEN_AGAIN_S)

    async def _keep_listening(self) -> None:
        while True:
            try:
                await self._hear()
            except psycopg.Error as error:
                log.warning("not listening for ends of jobs: %s", error)
            finally:
                self._listens.clear()
                self._hears_since_s = math.inf
            await asyncio.sleep(LISTEN_AGAIN_S)

    async def _hear(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            **_parameters(), autocommit=True
        ) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._hears_since_s = time.monotonic()
            self._listens.set()
            self._wake_all()
            while True:
                async for notice in connection.notifies(timeout=SILENCE_S):
                    self._wake(notice.payload)
                await connection.execute("SELECT 1")

    def _wake(self, payload: str) -> None:
        for job_id in map(uuid.UUID, payload.split(",")):
            self._ended[job_id] = None
            for key in self._ends.get(job_id, ()):
                self._by_id[key].happened()
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def _wake_all(self) -> None:
        for end in self._by_id.values():
            end.happened()


def send(keys: Sequence[uuid.UUID]) -> None:
    """Wake those who wait for these jobs (or other keys) when the transaction commits."""
    for start in range(0, len(keys), KEYS_PER_MESSAGE):
        payload = ",".join(str(key) for key in keys[start : start + KEYS_PER_MESSAGE])
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Waiting] = WeakKeyDictionary()


def here() -> Waiting:
    """The one of the running event loop: a web process has one loop, and so one connection."""
    return _by_loop.setdefault(asyncio.get_running_loop(), Waiting())


# What psycopg takes to connect: names and numbers as Django's settings have them.
def _parameters() -> Mapping[str, Any]:
    settings = connections["default"].get_connection_params()
    ours = {"context", "cursor_factory", "prepare_threshold", "pool", "server_side_binding"}
    return {name: value for name, value in settings.items() if name not in ours}
