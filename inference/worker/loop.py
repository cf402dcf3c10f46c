"""Empties a model's queue, three batches at a time.

One is computed; beside it the next is claimed and decoded, and the last one's results are written.

No timer waits for a batch to fill: a batch is what has gathered while the device was busy. After
a while the worker gives its other models a chance, and wakes itself for what is left.

A batch whose passes take long does not hold up everybody else. It is computed for TURN_S at a
time, and between two turns the worker runs a batch of other accounts, of this model and of the
others that it has in memory. Several long ones take turns. A lease goes on meanwhile; a turn is no
new attempt.

Lines of the Batch API's batches are the background: claimed when nothing else of the model is
queued, about a second's worth at a time, and never between the turns of a long batch.
"""

import logging
import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection

from catalog.infrastructure import log_context, tracing
from catalog.infrastructure.log_context import carried
from inference.jobs import claims, wake
from inference.models import Job
from inference.runtime.encoder import Encoder
from inference.worker import batches, decode, leases
from inference.worker.batches import Scored
from inference.worker.decode import Ready
from inference.worker.served_models import LONGEST_BACKGROUND_S, LONGEST_BATCH_S, ServedModel
from inference.worker.texts.cache import TextCache

log = logging.getLogger(__name__)

TIME_SLICE_S = 3.0  # how long one model keeps a worker that serves several
TURN_S = 2.0  # how long a long batch is computed before somebody else's may go first
# Of any other, which is planned to take half of it: only what turns out to be long is paused.
SHORT_TURN_S = 2 * LONGEST_BATCH_S
READY_S = 0.05  # what a claim may take, with decoding, before the device goes on without it
# Begun and not done. Beyond it only short jobs are taken: crops and vectors of each are in memory.
MAX_LONG = 3

_ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
_behind = ThreadPoolExecutor(max_workers=1, thread_name_prefix="behind")


@dataclass(frozen=True)
class Steps:
    """What is done with a batch, one after the other; see decode and batches."""

    make_ready: Callable[[Encoder, Sequence[Job]], list[Ready]] = decode.make_ready
    score: Callable[[TextCache, Sequence[Ready], int], Iterator[Scored | None]] = (
        batches.score_in_passes
    )
    settle: Callable[[Scored], None] = batches.settle
    turn_s: float = TURN_S
    short_turn_s: float = SHORT_TURN_S


@dataclass(eq=False)
class Batch:
    """`parts` are its results once it is begun, as they are scored; None where it may pause.
    `is_short`: it may not, since what is in hand must not grow. `is_background`: nobody waits.
    """

    model: ServedModel
    token: uuid.UUID
    jobs: list[Ready]
    is_short: bool = False
    is_background: bool = False
    parts: Iterator[Scored | None] | None = None

    @property
    def is_suspect(self) -> bool:
        # It was tried before, and may be what killed its worker.
        return any(ready.job.attempt > 1 for ready in self.jobs)

    @property
    def accounts(self) -> set[str]:
        """Who has had a turn by it: nobody by the background, which everybody's calls go before."""
        if self.is_background:
            return set()
        return {ready.job.fair_share_key for ready in self.jobs}

    @property
    def accounts_of_long_jobs(self) -> set[str]:
        if self.is_background:
            return set()
        jobs = [ready.job for ready in self.jobs]
        return {job.fair_share_key for job in jobs if self.model.is_long(job)}

    def turn_s(self, steps: Steps) -> float:
        if self.is_short:
            return math.inf
        is_begun = self.parts is not None
        is_long = is_begun or self.is_background or bool(self.accounts_of_long_jobs)
        return steps.turn_s if is_long else steps.short_turn_s


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What may be claimed beside what is in hand; see claims.claim."""

    is_beside: bool = False
    only_short: bool = False
    but_not_of: Set[str] = frozenset()
    allows_background: bool = True


def _never() -> bool:
    return False


def _no_models() -> Sequence[ServedModel]:
    return ()


def drain(
    model: ServedModel,
    *,
    worker: str,
    steps: Steps | None = None,
    beside: Callable[[], Sequence[ServedModel]] = _no_models,
    is_stopping: Callable[[], bool] = _never,
) -> int:
    """Run batches until nothing is queued or the time slice is over; returns jobs claimed.

    `beside`: the other models in memory, whose jobs go between the turns of a long batch.
    `is_stopping`: the process was asked to leave. What is not done within a turn is queued again,
    which is no attempt.
    """
    run = _Run(model, worker, steps or Steps(), beside, is_stopping)
    try:
        run.drain()
    except BaseException as error:
        # Celery's ways to leave at once: no fault of the batch in hand.
        is_asked_to_leave = isinstance(error, KeyboardInterrupt | SystemExit)
        run.break_off(was_tried=not is_asked_to_leave)
        raise
    return run.job_count


class _Run:
    """One call of `drain`. The main thread computes; `_ahead` claims and `_behind` writes."""

    def __init__(
        self,
        model: ServedModel,
        worker: str,
        steps: Steps,
        beside: Callable[[], Sequence[ServedModel]],
        is_stopping: Callable[[], bool],
    ) -> None:
        self.model, self.worker, self.steps = model, worker, steps
        self.beside, self.is_stopping = beside, is_stopping
        self.since_s = time.monotonic()
        self.job_count = 0
        self.current: Batch | None = None
        self.long: deque[Batch] = deque()
        self.upcoming: Future[Batch | None] = _done()
        self.writing: list[Future[None]] = []
        self.claims_between = 0

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.since_s > TIME_SLICE_S

    def drain(self) -> None:
        self.upcoming = self._claim([self.model], Claim())
        while (batch := self._taken()) is not None or self.long:
            is_over = self.is_over
            if batch is not None:
                self._claim_beside(batch, is_over=is_over)
                self.job_count += len(batch.jobs)
                self._take_turn(batch)
            if self.long and not self.is_stopping():
                self._take_turn(self.long.popleft())
            if self.is_stopping():
                self.break_off(was_tried=False)
                break
            self._claim_next(is_over=is_over)
        _results_of(self.writing)

    def _taken(self) -> Batch | None:
        """What was claimed last. A long batch goes on while that is still decoded."""
        if self.long and not self._is_suspect_in_hand:
            wait([self.upcoming], timeout=READY_S)
            if not self.upcoming.done():
                return None
        return self.upcoming.result()

    def break_off(self, *, was_tried: bool) -> None:
        """Queue again whatever is in hand and not done, and wait until that is written.

        `was_tried`: the batch that was computed just now may be to blame; the others are not.
        """
        if self.current is not None:
            self._give_back(self.current, was_tried=was_tried)
        for batch in self.long:
            self._give_back(batch, was_tried=False)
        self.current = None
        self.long.clear()
        try:
            # Whatever stops this worker must not take with it what was claimed ahead.
            if (ahead := self.upcoming.result()) is not None:
                self._give_back(ahead, was_tried=False)
        finally:
            self.upcoming = _done()
            wait(self.writing)

    def _claim_beside(self, batch: Batch, *, is_over: bool) -> None:
        """Claim and decode what comes after `batch` while it is computed."""
        # What may have killed a worker is alone in hand when it is computed.
        if is_over or batch.is_suspect or self.long:
            self.upcoming = _done()
        else:
            claim = Claim(is_beside=True, but_not_of=batch.accounts_of_long_jobs)
            self.upcoming = self._claim([self.model], claim)

    def _claim_next(self, *, is_over: bool) -> None:
        """Where nothing was claimed ahead: what has come between the turns of a long batch, or is
        run only with nothing else in hand.
        """
        if not self.upcoming.done() or self.upcoming.result() is not None:
            return
        if self.long:
            self.claims_between += 1
            self.upcoming = self._claim(self._models(), self._claim_between_turns())
        elif is_over:
            wake.workers_of(self.model.card)
        else:
            _results_of(self.writing)
            self.upcoming = self._claim([self.model], Claim())

    def _claim_between_turns(self) -> Claim:
        return Claim(
            is_beside=True,
            only_short=self._is_suspect_in_hand or len(self.long) >= MAX_LONG,
            but_not_of=set().union(*(batch.accounts for batch in self.long)),
            allows_background=False,
        )

    @property
    def _is_suspect_in_hand(self) -> bool:
        return any(batch.is_suspect for batch in self.long)

    def _models(self) -> list[ServedModel]:
        """Those of which a job may go next, each the first in turn."""
        models = [self.model, *self.beside()]
        start = self.claims_between % len(models)
        return models[start:] + models[:start]

    def _claim(self, models: Sequence[ServedModel], claim: Claim) -> "Future[Batch | None]":
        return _ahead.submit(carried(_next), models, self.worker, self.steps, claim)

    def _take_turn(self, batch: Batch) -> None:
        """Compute it until it is done or its turn is over; written in another thread meanwhile."""
        if batch.is_suspect:
            _results_of(self.writing)  # what is not written yet would have to be tried again
        before, self.writing = self.writing, []
        self.current = batch
        jobs = [ready.job for ready in batch.jobs]
        with log_context.bound(model=batch.model.card.repo), _span("job.forward", jobs):
            is_done = self._compute(batch)
        self.current = None
        if is_done:
            self._give_back(batch, was_tried=True)  # what could not be written
        else:
            self.long.append(batch)
        # Looked at only now: whatever became of the last one, this one is written.
        _results_of(before)

    def _compute(self, batch: Batch) -> bool:
        """Whether it is done."""
        end_s = time.monotonic() + batch.turn_s(self.steps)
        try:
            with leases.computing(batch.token):
                batch.parts = batch.parts or iter(self._score(batch))
                for part in batch.parts:
                    if part is not None:
                        self._write(batch, part)
                    elif time.monotonic() > end_s:
                        return False
        except leases.Lost:
            log.info("batch abandoned, nobody waits for it jobs=%d", len(batch.jobs))
        return True

    def _score(self, batch: Batch) -> Iterator[Scored | None]:
        return self.steps.score(batch.model.cache, batch.jobs, batch.model.images_per_pass)

    def _write(self, batch: Batch, part: Scored) -> None:
        self.writing.append(_behind.submit(carried(_settle), self.steps, part))
        jobs = [done.job for done in part.done]
        batch.model.note_speed(sum(job.image_count for job in jobs), part.image_s)
        batch.model.note_reading(sum(job.text_tokens for job in jobs), part.text_s)

    def _give_back(self, batch: Batch, *, was_tried: bool) -> None:
        self.writing.append(_behind.submit(carried(_end), batch.token, was_tried=was_tried))


def _results_of(writing: Sequence["Future[None]"]) -> None:
    """Wait for all of them, and raise what the first one that failed has raised."""
    wait(writing)
    for written in writing:
        written.result()


def _next(models: Sequence[ServedModel], worker: str, steps: Steps, claim: Claim) -> Batch | None:
    """Claim and decode for the first that has something queued, in a thread with a database
    connection of its own.
    """
    try:
        for model in models:
            with log_context.bound(model=model.card.repo):
                if found := _next_of(model, worker, steps, claim):
                    return found
        return None
    finally:
        connection.close()


def _next_of(model: ServedModel, worker: str, steps: Steps, claim: Claim) -> Batch | None:
    if decode.probe.trouble:
        return None  # what it claims it could only give back
    token = uuid.uuid4()
    leases.take(token)
    try:
        wake.acknowledge(model.card)
        claimed = _claim_jobs(model, worker, token, claim, within_s=LONGEST_BATCH_S)
        is_background = not claimed and claim.allows_background
        if is_background:
            within_s = LONGEST_BACKGROUND_S
            claimed = _claim_jobs(
                model, worker, token, claim, within_s=within_s, is_background=True
            )
        if not claimed:
            leases.drop(token)
            return None
        ids = " ".join(str(job.pk) for job in claimed)
        log.info("batch claimed size=%d ids=%s", len(claimed), ids)
        is_full = sum(job.image_count for job in claimed) >= model.budget
        if is_full or is_background or any(model.is_long(job) for job in claimed):
            wake.workers_of(model.card)  # more may wait: another worker could take it
        with _span("job.decode", claimed):
            ready = steps.make_ready(model.cache.encoder, claimed)
        if not ready:
            leases.drop(token)
            return None
        return Batch(model, token, ready, claim.only_short, is_background)
    except BaseException:
        _give_back(token)
        raise


def _claim_jobs(
    model: ServedModel,
    worker: str,
    token: uuid.UUID,
    claim: Claim,
    *,
    within_s: float,
    is_background: bool = False,
) -> list[Job]:
    return claims.claim(
        model.card,
        worker=worker,
        budget=model.images_within(within_s),
        tokens=model.tokens_within(within_s),
        token=token,
        is_background=is_background,
        is_beside=claim.is_beside,
        only_short=claim.only_short,
        but_not_of=claim.but_not_of,
    )


def _done() -> "Future[Any]":  # Any: it stands in for futures of several types, and holds None
    empty: Future[None] = Future()
    empty.set_result(None)
    return empty


def _span(name: str, jobs: Sequence[Job]) -> AbstractContextManager[None]:
    """What is done for these jobs together, in the trace of each."""
    return tracing.shared_span(
        name,
        [job.traceparent for job in jobs],
        jobs=len(jobs),
        images=sum(job.image_count for job in jobs),
        # Not the card's, which would be a query.
        model=log_context.fields().get("model", ""),
        worker=jobs[0].worker if jobs else "",
    )


def _settle(steps: Steps, part: Scored) -> None:
    """Write a part as it is scored, in a thread with a database connection of its own."""
    jobs = [done.job for done in part.done] + [failed.job for failed in part.failed]
    try:
        with _span("job.settle", jobs):
            steps.settle(part)
    finally:
        connection.close()


def _end(token: uuid.UUID, *, was_tried: bool) -> None:
    try:
        _give_back(token, was_tried=was_tried)
    finally:
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
