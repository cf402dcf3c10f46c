"""What a worker has in hand: batches that are claimed and decoded, then written or given back.

Each of the functions here runs in a thread of the loop's, with a database connection of its own.
"""

import logging
import math
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.db import Error as DatabaseError
from django.db import connection

from catalog.infrastructure import log_context, tracing
from inference.jobs import claims, wake
from inference.models import Job
from inference.runtime.encoder import Encoder
from inference.worker import batches, decode, leases
from inference.worker.batches import Scored
from inference.worker.ready import Ready
from inference.worker.served_models import LONGEST_BACKGROUND_S, LONGEST_BATCH_S, ServedModel
from inference.worker.texts.cache import TextCache

log = logging.getLogger(__name__)

TURN_S = 0.4  # how long a long batch is computed before somebody else's may go first
# Of any other, which is planned to take half of it: only what turns out to be long is paused.
SHORT_TURN_S = 2 * LONGEST_BATCH_S


@dataclass(frozen=True)
class Steps:
    """What is done with a batch, one after the other; see decode and batches."""

    make_ready: Callable[[Encoder, Sequence[Job]], list[Ready]] = decode.make_ready
    make_ready_in_slices: Callable[[Encoder, Sequence[Job]], Generator[None, None, list[Ready]]] = (
        decode.make_ready_in_slices
    )
    score: Callable[[TextCache, Sequence[Ready], int], Iterator[Scored | None]] = (
        batches.score_in_passes
    )
    settle: Callable[[Scored], None] = batches.settle
    turn_s: float = TURN_S
    short_turn_s: float = SHORT_TURN_S


@dataclass(eq=False)
class Batch:
    """`ready` is None where decoding takes long: that is done in turns, too. `parts` are its
    results once it is begun, as they are scored; None where it may pause. `is_short`: it may not,
    since what is in hand must not grow. `is_background`: nobody waits.
    """

    model: ServedModel
    token: uuid.UUID
    jobs: Sequence[Job]
    ready: list[Ready] | None
    is_short: bool = False
    is_background: bool = False
    parts: Iterator[Scored | None] | None = None

    @property
    def is_suspect(self) -> bool:
        # It was tried before, and may be what killed its worker.
        return any(job.attempt > 1 for job in self.jobs)

    @property
    def accounts(self) -> set[str]:
        """Who has had a turn by it: nobody by the background, which everybody's calls go before."""
        if self.is_background:
            return set()
        return {job.fair_share_key for job in self.jobs}

    @property
    def accounts_of_long_jobs(self) -> set[str]:
        if self.is_background:
            return set()
        return {job.fair_share_key for job in self.jobs if _is_long(self.model, job)}

    def turn_s(self, steps: Steps) -> float:
        if self.is_short:
            return math.inf
        if self.ready is None:
            return min(decode.LOOK_S, steps.turn_s)
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


def next_batch(
    models: Sequence[ServedModel], worker: str, steps: Steps, claim: Claim
) -> Batch | None:
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
        if is_full or is_background or any(_is_long(model, job) for job in claimed):
            wake.workers_of(model.card)  # more may wait: another worker could take it
        ready = None
        if sum(job.pixels for job in claimed) <= decode.pixels_per_claim():
            with span("job.decode", claimed):
                ready = steps.make_ready(model.cache.encoder, claimed)
            if not ready:
                leases.drop(token)
                return None
        return Batch(model, token, claimed, ready, claim.only_short, is_background)
    except BaseException:
        _give_back(token)
        raise


def _is_long(model: ServedModel, job: Job) -> bool:
    return model.is_long(job) or job.pixels > decode.pixels_per_claim()


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
        pixels=decode.pixels_per_claim(),
        token=token,
        is_background=is_background,
        is_beside=claim.is_beside,
        only_short=claim.only_short,
        but_not_of=claim.but_not_of,
    )


def span(name: str, jobs: Sequence[Job]) -> AbstractContextManager[None]:
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


def settle(steps: Steps, part: Scored) -> None:
    """Write a part as it is scored, in a thread with a database connection of its own."""
    jobs = [done.job for done in part.done] + [failed.job for failed in part.failed]
    try:
        with span("job.settle", jobs):
            steps.settle(part)
    finally:
        connection.close()


def end(token: uuid.UUID, *, was_tried: bool) -> None:
    """Give back what was not settled; `was_tried`: it counts as an attempt."""
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
