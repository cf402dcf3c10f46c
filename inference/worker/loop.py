"""Empties a model's queue, three batches at a time.

One is computed; beside it the next is claimed and decoded, and the last one's results are written.

No timer waits for a batch to fill: a batch is what has gathered while the device was busy. After
a while the worker gives its other models a chance, and wakes itself for what is left.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection

from catalog.infrastructure.log_context import carried
from inference.jobs import claims, wake
from inference.models import Job
from inference.runtime.encoder import Encoder
from inference.worker import batches, decode, leases
from inference.worker.batches import Scored
from inference.worker.decode import Ready
from inference.worker.served_models import ServedModel
from inference.worker.text_cache import TextCache

log = logging.getLogger(__name__)

TIME_SLICE_S = 3.0  # how long one model keeps a worker that serves several
# A batch's results, as they are scored; None: that was the last.
Parts = SimpleQueue[Scored | None]

_ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
_behind = ThreadPoolExecutor(max_workers=1, thread_name_prefix="behind")


@dataclass(frozen=True)
class Steps:
    """What is done with a batch, one after the other; see decode and batches."""

    make_ready: Callable[[Encoder, Sequence[Job]], list[Ready]] = decode.make_ready
    score: Callable[[TextCache, Sequence[Ready], int], Iterator[Scored]] = batches.score
    settle: Callable[[Scored], None] = batches.settle


@dataclass(frozen=True)
class Batch:
    token: uuid.UUID
    jobs: list[Ready]
    # Set when the process is asked to leave: that is no fault of the batch in hand.
    interrupted: Event = field(default_factory=Event)

    @property
    def is_suspect(self) -> bool:
        # It was tried before, and may be what killed its worker.
        return any(ready.job.attempt > 1 for ready in self.jobs)


def drain(model: ServedModel, *, worker: str, steps: Steps | None = None) -> int:
    """Run batches until nothing is queued or the time slice is over; returns jobs claimed."""
    steps = steps or Steps()
    since = time.monotonic()
    job_count = 0
    upcoming, settled = _claim(model, worker, steps), _done()
    parts: Parts = SimpleQueue()
    try:
        while (batch := upcoming.result()) is not None:
            is_over = time.monotonic() - since > TIME_SLICE_S
            may_go_ahead = not is_over and not batch.is_suspect
            upcoming = _claim(model, worker, steps, is_beside=True) if may_go_ahead else _done()
            parts = SimpleQueue()
            before, settled = settled, _behind.submit(carried(_settle), steps, batch, parts)
            _score(model, steps, batch, parts)
            # Looked at only now: whatever became of the last one, this one is written.
            before.result()
            job_count += len(batch.jobs)
            if is_over:
                wake.workers_of(model.card)
            elif upcoming.result() is None:
                # Perhaps there is a job left that is only run with nothing else in hand.
                settled.result()
                upcoming = _claim(model, worker, steps)
        settled.result()
    except BaseException:
        parts.put(None)  # the writer must not wait for more; once too often does no harm
        try:
            _abandon(upcoming)
        finally:
            wait([settled])
        raise
    return job_count


def _claim(
    model: ServedModel, worker: str, steps: Steps, *, is_beside: bool = False
) -> "Future[Batch | None]":
    return _ahead.submit(carried(_next), model, worker, steps, is_beside=is_beside)


def _abandon(upcoming: "Future[Batch | None]") -> None:
    # Whatever stops this worker must not take with it what was claimed ahead.
    batch = upcoming.result()
    if batch is not None:
        _give_back(batch.token, was_tried=False)


def _next(model: ServedModel, worker: str, steps: Steps, *, is_beside: bool) -> Batch | None:
    """Claim and decode, in a thread with a database connection of its own."""
    token = uuid.uuid4()
    leases.take(token)
    try:
        wake.acknowledge(model.card)
        claimed = claims.claim(
            model.card, worker=worker, budget=model.budget, token=token, is_beside=is_beside
        )
        if not claimed:
            leases.drop(token)
            return None
        ids = " ".join(str(job.pk) for job in claimed)
        log.info("batch claimed size=%d ids=%s", len(claimed), ids)
        if sum(job.image_count for job in claimed) >= model.budget:
            wake.workers_of(model.card)  # more may wait: another worker could take it
        return Batch(token, steps.make_ready(model.cache.encoder, claimed))
    except Exception:
        _give_back(token)
        raise
    finally:
        connection.close()


def _done() -> "Future[Any]":  # Any: it stands in for futures of several types, and holds None
    empty: Future[None] = Future()
    empty.set_result(None)
    return empty


def _score(model: ServedModel, steps: Steps, batch: Batch, parts: Parts) -> None:
    started = time.monotonic()
    try:
        with leases.computing(batch.token):
            for part in steps.score(model.cache, batch.jobs, model.budget):
                parts.put(part)
    except leases.Lost:
        log.info("batch abandoned, nobody waits for it jobs=%d", len(batch.jobs))
        return
    except (KeyboardInterrupt, SystemExit):  # Celery's way to leave at once
        batch.interrupted.set()
        raise
    finally:
        parts.put(None)
    images = sum(len(ready.crops) for ready in batch.jobs)
    model.note_speed(images, time.monotonic() - started)


def _settle(steps: Steps, batch: Batch, parts: Parts) -> None:
    """Write each part as it is scored, in a thread with a database connection of its own."""
    try:
        for part in iter(parts.get, None):
            steps.settle(part)
    finally:
        _give_back(batch.token, was_tried=not batch.interrupted.is_set())
        connection.close()


def _give_back(token: uuid.UUID, *, was_tried: bool = True) -> None:
    """Queue again what was not settled; if the database is away, the end of the lease does it."""
    try:
        for _ in range(2):
            try:
                if count := claims.give_back(token, was_tried=was_tried):
                    log.warning("batch not settled, given back jobs=%d", count)
                return
            except DatabaseError as error:
                log.warning("batch not settled: %s", error)
                connection.close()  # it may be the connection that broke the batch: a new one
    finally:
        leases.drop(token)
