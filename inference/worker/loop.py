"""Empties a model's queue, three batches at a time.

One is computed; beside it the next is claimed and decoded, and the last one's results are written.

No timer waits for a batch to fill: a batch is what has gathered while the device was busy. After
a while the worker lets its other models have their turn, and rings for what it leaves.
"""

import logging
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from catalog.models import ModelCard
from inference.jobs import claims, wake
from inference.worker import batches, decode, leases
from inference.worker.batches import Scored
from inference.worker.decode import Ready
from inference.worker.text_cache import TextCache

log = logging.getLogger(__name__)

TURN_S = 3.0  # how long one model keeps a worker that serves several
LONGEST_BATCH_S = 4.0  # well below the time limit of an attempt, also for large towers on a CPU
FIRST_BUDGET = 4
# A batch's results, as they are found; None: that was the last.
Parts = SimpleQueue[Scored | None]

_ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
_behind = ThreadPoolExecutor(max_workers=1, thread_name_prefix="behind")


@dataclass
class Server:
    """A model as one worker serves it: its memory of texts, and how fast it has been."""

    card: ModelCard
    cache: TextCache
    images_per_s: float = 0.0

    @property
    def budget(self) -> int:
        """Pictures of one batch: as many as fit the device, and do not take too long."""
        if not self.images_per_s:
            return min(FIRST_BUDGET, int(settings.BATCH_IMAGES))
        in_time = int(self.images_per_s * LONGEST_BATCH_S)
        return max(1, min(in_time, int(settings.BATCH_IMAGES)))

    def note_speed(self, images: int, seconds: float) -> None:
        """A moving mean: the machine may have other things to do for a while."""
        if images:
            speed = images / max(seconds, 1e-6)
            self.images_per_s = 0.7 * (self.images_per_s or speed) + 0.3 * speed


@dataclass(frozen=True)
class Batch:
    """Jobs under one lease, their pictures decoded."""

    token: uuid.UUID
    jobs: list[Ready]

    @property
    def is_suspect(self) -> bool:
        """It was tried before, and may be what killed its worker."""
        return any(each.job.attempt > 1 for each in self.jobs)


def drain(server: Server, *, worker: str) -> int:
    """Run batches until nothing is queued or the model's turn is over; returns jobs claimed."""
    since = time.monotonic()
    ran = 0
    upcoming, settled = _ahead.submit(_next, server, worker), _done()
    parts: Parts = SimpleQueue()
    try:
        while (batch := upcoming.result()) is not None:
            is_over = time.monotonic() - since > TURN_S
            may_go_ahead = not is_over and not batch.is_suspect
            upcoming = _claim_beside(server, worker) if may_go_ahead else _done()
            parts = SimpleQueue()
            before, settled = settled, _behind.submit(_settle, batch, parts)
            _score(server, batch, parts)
            # Looked at only now: whatever became of the last one, this one is written.
            before.result()
            ran += len(batch.jobs)
            if is_over:
                wake.workers_of(server.card)
            elif upcoming.result() is None:
                # Perhaps there is a job left that is only run with nothing else in hand.
                settled.result()
                upcoming = _ahead.submit(_next, server, worker)
        settled.result()
    except BaseException:
        parts.put(None)  # whoever writes must not wait for more; once too often does no harm
        try:
            _abandon(upcoming)
        finally:
            wait([settled])
        raise
    server.cache.shrink()
    return ran


def _claim_beside(server: Server, worker: str) -> "Future[Batch | None]":
    return _ahead.submit(_next, server, worker, is_beside=True)


def _abandon(upcoming: "Future[Batch | None]") -> None:
    """Whoever stops this worker must not take with it what was claimed ahead."""
    batch = upcoming.result()
    if batch is not None:
        _leave_nothing(batch.token)


def _next(server: Server, worker: str, *, is_beside: bool = False) -> Batch | None:
    """Claim and decode, in a thread with a database connection of its own."""
    token = uuid.uuid4()
    leases.take(token)
    try:
        wake.acknowledge(server.card)
        claimed = claims.claim(
            server.card, worker=worker, budget=server.budget, token=token, is_beside=is_beside
        )
        if not claimed:
            leases.drop(token)
            return None
        keys = " ".join(str(job.pk) for job in claimed)
        log.info("batch claimed model=%s size=%d ids=%s", server.card.repo, len(claimed), keys)
        if sum(job.image_count for job in claimed) >= server.budget:
            wake.workers_of(server.card)  # more may wait: another worker could take it
        return Batch(token, decode.make_ready(server.cache.encoder, claimed))
    except Exception:
        _leave_nothing(token)
        raise
    finally:
        connection.close()


def _done() -> "Future[Any]":  # any kind that may hold None
    empty: Future[None] = Future()
    empty.set_result(None)
    return empty


def _score(server: Server, batch: Batch, parts: Parts) -> None:
    started = time.monotonic()
    try:
        for part in batches.score(server.cache, batch.jobs):
            parts.put(part)
    finally:
        parts.put(None)
    images = sum(len(each.crops) for each in batch.jobs)
    server.note_speed(images, time.monotonic() - started)


def _settle(batch: Batch, parts: Parts) -> None:
    """In a thread with a database connection of its own: write each part as soon as it is found."""
    try:
        for part in iter(parts.get, None):
            batches.settle(part)
    finally:
        _leave_nothing(batch.token)
        connection.close()


def _leave_nothing(token: uuid.UUID) -> None:
    """Give back what was not settled; if the database is away, the end of the lease does it."""
    try:
        for _ in range(2):
            try:
                if left := claims.give_back(token):
                    log.warning("batch not settled, given back jobs=%d", left)
                return
            except DatabaseError as error:
                log.warning("batch not settled: %s", error)
                connection.close()  # it may be the connection that broke the batch: a new one
    finally:
        leases.drop(token)
