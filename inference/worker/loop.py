"""Empties a model's queue, three batches at a time.

One is computed; beside it the next is claimed and decoded, and the last one's results are written.

No timer waits for a batch to fill: a batch is what has gathered while the device was busy. After
a while the worker gives its other models a chance, and wakes itself for what is left.

A batch whose passes or decoding take long does not hold up everybody else. It goes on for TURN_S
at a time, and between two turns the worker runs a batch of other accounts, of this model and of the
others that it has in memory. Several long ones take turns. A lease goes on meanwhile; a turn is no
new attempt.

Lines of the Batch API's batches are the background: claimed when nothing else of the model is
queued, about a second's worth at a time, and never between the turns of a long batch.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from catalog.infrastructure import log_context
from catalog.infrastructure.log_context import carried
from inference.jobs import wake
from inference.worker import claimed, leases
from inference.worker.batches import Scored
from inference.worker.claimed import Batch, Claim, Steps
from inference.worker.served_models import ServedModel

log = logging.getLogger(__name__)

TIME_SLICE_S = 3.0  # how long one model keeps a worker that serves several
READY_S = 0.2  # what a claim may take, with decoding, before the device goes on without it
# Begun and not done. Beyond it only short jobs are taken: crops and vectors of each are in memory.
MAX_LONG = 3

_ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
_behind = ThreadPoolExecutor(max_workers=1, thread_name_prefix="behind")


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
        return _ahead.submit(carried(claimed.next_batch), models, self.worker, self.steps, claim)

    def _take_turn(self, batch: Batch) -> None:
        """Compute it until it is done or its turn is over; written in another thread meanwhile."""
        if batch.is_suspect:
            _results_of(self.writing)  # what is not written yet would have to be tried again
        before, self.writing = self.writing, []
        self.current = batch
        repo = batch.model.card.repo
        with log_context.bound(model=repo), claimed.span("job.forward", batch.jobs):
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
                batch.parts = batch.parts or self._score(batch)
                for part in batch.parts:
                    if part is not None:
                        self._write(batch, part)
                    elif time.monotonic() > end_s:
                        return False
        except leases.Lost:
            log.info("batch abandoned, nobody waits for it jobs=%d", len(batch.jobs))
        return True

    def _score(self, batch: Batch) -> Iterator[Scored | None]:
        cache, steps = batch.model.cache, self.steps
        if batch.ready is None:
            batch.ready = yield from steps.make_ready_in_slices(cache.encoder, batch.jobs)
        yield from steps.score(cache, batch.ready, batch.model.images_per_pass)

    def _write(self, batch: Batch, part: Scored) -> None:
        self.writing.append(_behind.submit(carried(claimed.settle), self.steps, part))
        jobs = [done.job for done in part.done]
        batch.model.note_speed(sum(job.image_count for job in jobs), part.image_s)
        batch.model.note_reading(sum(job.text_tokens for job in jobs), part.text_s)

    def _give_back(self, batch: Batch, *, was_tried: bool) -> None:
        self.writing.append(_behind.submit(carried(claimed.end), batch.token, was_tried=was_tried))


def _results_of(writing: Sequence["Future[None]"]) -> None:
    """Wait for all of them, and raise what the first one that failed has raised."""
    wait(writing)
    for written in writing:
        written.result()


def _done() -> "Future[Any]":  # Any: it stands in for futures of several types, and holds None
    empty: Future[None] = Future()
    empty.set_result(None)
    return empty
