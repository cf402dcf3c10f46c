"""What becomes of a batch of jobs: make_ready -> score -> settle.

    for part in batches.score(cache, decode.make_ready(encoder, claimed)):
        batches.settle(part)

Decoded in threads, one forward pass a tower, and everything written in one transaction. What one
pass does not hold, or not in a few seconds, takes several, and between two of them the worker may
compute somebody else's batch.

An image that cannot be decoded fails its own job. If a forward pass fails, the batch is tried
again in parts, down to single jobs, and each part is yielded as soon as it is scored: one bad
input neither takes the other jobs with it nor keeps most of them waiting.
"""

import logging
import math
import time
import uuid
from collections import deque
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeVar

import numpy as np
from django.conf import settings
from django.db import Error as DatabaseError
from PIL import Image

from inference import faults, kinds
from inference.kinds.kind import Work
from inference.models import ErrorCode, Job
from inference.runtime.encoder import Embeddings, Encoder
from inference.worker import leases, settlement
from inference.worker.ready import Ready
from inference.worker.settlement import Done, Result
from inference.worker.texts.cache import JobTexts, KnownTexts, Learned, NewTexts, TextCache

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
# Pauses after each pass over a tower; the last value is what all of them give.
Passes = Generator[None, None, _Result]

# Into how many parts a batch is cut whose forward pass has failed. Of 64 jobs with a bad one, 48
# are done after four more passes and all after twelve; no job is run more than four times.
PARTS = 4


@dataclass(frozen=True)
class Failed:
    """A job and why it ends; `details` say of which inputs or labels, as its row keeps them."""

    job: Job
    code: ErrorCode
    details: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Scored:
    """`new_texts` are what the jobs of `done` pay for, by job; `image_s` and `text_s` the seconds
    that the towers took for them.
    """

    done: Sequence[Done] = ()
    failed: Sequence[Failed] = ()
    new_texts: Mapping[uuid.UUID, NewTexts] = field(default_factory=dict)
    cache: TextCache | None = None
    image_s: float = 0.0
    text_s: float = 0.0

    @property
    def count(self) -> int:
        return len(self.done) + len(self.failed)


def score(
    cache: TextCache, batch: Sequence[Ready], images_per_pass: int | None = None
) -> Iterator[Scored]:
    """As `score_in_passes`, without a pause."""
    return (part for part in score_in_passes(cache, batch, images_per_pass) if part is not None)


def score_in_passes(
    cache: TextCache, batch: Sequence[Ready], images_per_pass: int | None = None
) -> Iterator[Scored | None]:
    """Score what could be decoded; each part as soon as it is scored. Makes no queries.

    None: a pass is over, and another batch may be computed before the next.
    `images_per_pass`: what the model computes in leases.STEP_S; None: what the device holds.
    Raises leases.Lost, between passes, when nobody waits any more.
    """
    images_per_pass = images_per_pass or settings.BATCH_IMAGES
    undecodable = [
        Failed(ready.job, ready.error, {"input": ready.failed_input})
        for ready in batch
        if ready.error is not None
    ]
    if undecodable:
        yield Scored(failed=undecodable)
    decoded = [ready for ready in batch if ready.error is None]
    too_long = [
        Failed(ready.job, ErrorCode.CONTEXT_LENGTH_EXCEEDED, {"truncated": indices})
        for ready in decoded
        if (indices := _cut(cache, ready.job))
    ]
    if too_long:
        yield Scored(failed=too_long)
    refused = {failed.job.pk for failed in too_long}
    short = [ready for ready in decoded if ready.job.pk not in refused]
    yield from _score(cache, short, images_per_pass)


def _cut(cache: TextCache, job: Job) -> Sequence[int]:
    try:
        return cache.token_counts.too_long(job)
    except Exception:
        # Scoring it will say the same, and end this job alone.
        log.exception("texts not counted job=%s", job.pk)
        return []


def _score(
    cache: TextCache, batch: Sequence[Ready], images_per_pass: int
) -> Iterator[Scored | None]:
    # All parts of one size before the smaller ones: only what is beside a bad input waits on.
    waiting = deque([batch] if batch else [])
    learned = Learned()
    while waiting:
        part = waiting.popleft()
        scored = yield from _try(cache, part, images_per_pass, learned)
        if scored is not None:
            yield scored
        elif len(part) == 1:
            yield Scored(failed=[Failed(part[0].job, ErrorCode.INTERNAL)])
        else:
            size = math.ceil(len(part) / PARTS)
            waiting += [part[start : start + size] for start in range(0, len(part), size)]


def _try(
    cache: TextCache, part: Sequence[Ready], images_per_pass: int, learned: Learned
) -> Passes[Scored | None]:
    try:
        return (yield from _results(cache, part, images_per_pass, learned))
    except leases.Lost:
        raise
    except Exception:
        # The edge of the worker: whatever a model raises may end one job, never the others.
        log.exception("batch failed jobs=%d", len(part))
        return None


def settle(scored: Scored) -> None:
    """Write results; what cannot be written now stays under its lease, to be given back."""
    written: Collection[uuid.UUID] = ()
    try:
        written = settlement.succeed(scored.done)
        for failed in scored.failed:
            settlement.fail(failed.job, failed.code, failed.details)
    except DatabaseError:
        log.exception("results not written jobs=%d", scored.count)
    finally:
        _settle_texts(scored, written)


def _settle_texts(scored: Scored, written: Collection[uuid.UUID]) -> None:
    """Nobody has paid for those of a result that was not written."""
    if scored.cache is None:
        return
    for job_id, new in scored.new_texts.items():
        if job_id in written:
            scored.cache.share(new)
        else:
            scored.cache.forget(new)


def _results(
    cache: TextCache, batch: Sequence[Ready], images_per_pass: int, learned: Learned
) -> Passes[Scored]:
    """Passes over all images, then over all texts that their owners have not cached."""
    started, text_s = time.monotonic(), learned.encode_s
    faults.hit("forward", *(ready.job for ready in batch))
    crops = [crop for ready in batch for crop in ready.crops]
    images, image_s = yield from _encode(cache.encoder, crops, images_per_pass)
    # Once a job: a classification may bring a thousand prompts.
    texts = [JobTexts.of(ready.job, kinds.of(ready.job).texts(ready.job)) for ready in batch]
    known_texts = yield from cache.read_in_passes(texts, learned)
    text_s = learned.encode_s - text_s
    done, start = [], 0
    for ready, of_job, known in zip(batch, texts, known_texts, strict=True):
        vectors = images[start : start + len(ready.crops)]
        start += len(ready.crops)
        work = Work(
            job=ready.job,
            unusable=ready.unusable.keys(),
            encoder=cache.encoder,
            image_vectors=vectors,
            text_vectors=known.vectors_of,
        )
        # Neither the look-ups in the shared cache nor the passes of other batches in between.
        times = _times(ready, started=started, forward_s=image_s + text_s)
        reading = cache.token_counts.reading_of(ready.job, of_job.texts)
        new_tokens = cache.token_counts.tokens_in(ready.job, known.new_texts.texts)
        measured = times | asdict(reading) | {"new_tokens": new_tokens}
        done.append(_done(work, known, measured, ready))
    for known in known_texts:
        cache.keep(known.new_texts, learned)
    new_texts = {
        ready.job.pk: known.new_texts
        for ready, known in zip(batch, known_texts, strict=True)
        if known.new
    }
    return Scored(done, new_texts=new_texts, cache=cache, image_s=image_s, text_s=text_s)


def _times(ready: Ready, *, started: float, forward_s: float) -> Result:
    """Of the job's batch, in ms. It waits for the pass of the batch before it, and for passes of
    its own that have failed."""
    seconds = {"read_ms": ready.read_s, "wait_ms": started - ready.at, "forward_ms": forward_s}
    return {name: round(value * 1000, 2) for name, value in seconds.items()}


def _encode(
    encoder: Encoder, crops: Sequence[Image.Image], images_per_pass: int
) -> Passes[tuple[Embeddings, float]]:
    """float32 [n, dim], and the seconds it took. A job may bring more than one pass may hold."""
    passes, image_s = [], 0.0
    for start in range(0, max(len(crops), 1), images_per_pass):
        started_s = time.monotonic()
        passes.append(encoder.encode_images(crops[start : start + images_per_pass]))
        image_s += time.monotonic() - started_s
        leases.progressed()
        yield
    return np.concatenate(passes), image_s


def _done(work: Work, known: KnownTexts, measured: Result, ready: Ready) -> Done:
    encoder = work.encoder
    outcome = kinds.of(work.job).run(work)
    result: Result = {
        "model": encoder.repo,
        "revision": encoder.revision,
        "engine": encoder.engine,
        "precision": encoder.precision,
        "preprocessing": encoder.preprocessing.fingerprint,
        "image_size": encoder.image_size,
        "texts_cached": len(known.vectors) - known.new,
    }
    result |= measured | outcome.result
    if ready.unusable:
        result["unusable"] = {str(index): str(code) for index, code in ready.unusable.items()}
    return Done(
        work.job,
        result,
        new_texts=known.new,
        new_tokens=measured["new_tokens"],
        vectors=outcome.vectors,
        preview=ready.preview,
    )
