"""Waiting for jobs to end: one PostgreSQL connection a web process, however many requests wait.

    listener = current_listener()
    async with listener.subscribe(job_id) as subscription:
        ...                             # look at the row: it may have ended before we listened
        await subscription.wait(10.0)   # True: look again; False: the time is over

    await listener.start()
    since_s = time.monotonic()
    ...                                 # queue a job: however fast it ends, the end is not missed
    async with listener.subscribe(job_id, since_s=since_s) as subscription:

A subscription costs an event, not a thread. PostgreSQL delivers a notification when the
transaction that sent it commits (`send`). Nothing arrives while the connection is lost, so every
subscription is woken when it is back, and its owner looks at the row.
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

from catalog.infrastructure import locks, prepared

log = logging.getLogger(__name__)

CHANNEL = "jobs_ended"  # PostgreSQL's name for it
KEYS_PER_MESSAGE = 200  # a payload has 8,000 bytes, a key 36

RECONNECT_AFTER_S = 1.0
# TCP may not say that the other end is gone: after so long a silence we ask.
PROBE_AFTER_S = 30.0
# Ended jobs that are remembered for a subscription that comes a moment later: at the busiest, a
# site ends some hundreds a second.
MAX_REMEMBERED = 10_000


@dataclass(eq=False)  # two subscriptions to one job are two
class Subscription:
    _event: asyncio.Event = field(default_factory=asyncio.Event)

    def notify(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """True: there may be news, look at the job. False: nothing happened in time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_s)
        is_notified = self._event.is_set()
        self._event.clear()
        return is_notified


class Listener:
    """All subscriptions of this process, and the connection that listens for them."""

    # Any: what psycopg takes to connect, names and numbers.
    def __init__(self, connection_parameters: Mapping[str, Any] | None = None) -> None:
        self._connection_parameters = connection_parameters
        self._by_job: dict[uuid.UUID, set[Subscription]] = {}
        self._recently_ended: OrderedDict[uuid.UUID, None] = OrderedDict()
        self._connected_since_s = math.inf  # not connected
        self._task: asyncio.Task[None] | None = None
        self._is_connected = asyncio.Event()
        self.is_leaving = False

    def __len__(self) -> int:
        return sum(map(len, self._by_job.values()))

    @asynccontextmanager
    async def subscribe(
        self, job_id: uuid.UUID, *, since_s: float | None = None
    ) -> AsyncIterator[Subscription]:
        """Listen for a job's end; what ended before has to be seen by a look at its row.

        `since_s`: no look is needed for what has happened since (time.monotonic). If we were not
        connected for a part of that time, that counts as a notification.
        """
        await self.start()
        subscription = Subscription()
        if since_s is not None and (
            since_s < self._connected_since_s or job_id in self._recently_ended
        ):
            subscription.notify()
        self._by_job.setdefault(job_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            self._by_job[job_id].discard(subscription)
            if not self._by_job[job_id]:
                del self._by_job[job_id]

    def leave(self) -> None:
        """The process is asked to stop: whoever waits looks once more, and then answers."""
        self.is_leaving = True
        for job_id in self._by_job:
            self._notify(job_id)

    def close(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None

    async def start(self) -> None:
        """Connect on first use; do not wait for that while PostgreSQL is away."""
        if self._task is None or self._task.done():
            self._is_connected.clear()
            self._task = asyncio.create_task(self._stay_connected())
        if not self._is_connected.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_connected.wait(), RECONNECT_AFTER_S)

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                log.warning("not listening for ends of jobs: %s", error)
            finally:
                self._is_connected.clear()
                self._connected_since_s = math.inf
            await asyncio.sleep(RECONNECT_AFTER_S)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            **(self._connection_parameters or locks.own_session()), autocommit=True
        ) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._connected_since_s = time.monotonic()
            self._is_connected.set()
            # Notifications from before LISTEN are lost: everybody looks once.
            for job_id in self._by_job:
                self._notify(job_id)
            while True:
                async for notification in connection.notifies(timeout=PROBE_AFTER_S):
                    self._dispatch(notification.payload)
                await connection.execute("SELECT 1")

    def _dispatch(self, payload: str) -> None:
        for job_id in map(uuid.UUID, payload.split(",")):
            self._recently_ended[job_id] = None
            self._notify(job_id)
        while len(self._recently_ended) > MAX_REMEMBERED:
            self._recently_ended.popitem(last=False)

    def _notify(self, job_id: uuid.UUID) -> None:
        for subscription in self._by_job.get(job_id, ()):
            subscription.notify()


def send(keys: Sequence[uuid.UUID]) -> None:
    """Notify the subscriptions to these jobs (or other keys) when the transaction commits."""
    for start in range(0, len(keys), KEYS_PER_MESSAGE):
        payload = ",".join(str(key) for key in keys[start : start + KEYS_PER_MESSAGE])
        with prepared.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Listener] = WeakKeyDictionary()


def current_listener() -> Listener:
    # A web process has one loop, and so one connection.
    return _by_loop.setdefault(asyncio.get_running_loop(), Listener())
