"""What becomes of a batch of jobs: make_ready -> score -> settle.

    for part in batches.score(cache, decode.make_ready(encoder, claimed)):
        batches.settle(part)

Decoded in threads, one forward pass a tower, and everything written in one transaction.

An image that cannot be decoded fails its own job. If a forward pass fails, the batch is tried
again in parts, down to single jobs, and each part is yielded as soon as it is scored: one bad
input neither takes the other jobs with it nor keeps most of them waiting.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from django.conf import settings
from django.db import Error as DatabaseError
from PIL import Image

from inference import faults, kinds
from inference.kinds.kind import Work
from inference.models import ErrorCode, Job
from inference.runtime.encoder import Embeddings, Encoder
from inference.worker import leases, settlement
from inference.worker.decode import Ready
from inference.worker.settlement import Done, Result
from inference.worker.text_cache import JobTexts, KnownTexts, TextCache

log = logging.getLogger(__name__)

# Into how many parts a batch is cut whose forward pass has failed. Of 64 jobs with a bad one, 48
# are done after four more passes and all after twelve; no job is run more than four times.
PARTS = 4


@dataclass(frozen=True)
class Scored:
    """`too_long`: jobs that may not be cut, with the indices of the texts that would have to be."""

    done: Sequence[Done] = ()
    failed: Sequence[tuple[Job, ErrorCode]] = ()
    too_long: Sequence[tuple[Job, Sequence[int]]] = ()

    @property
    def count(self) -> int:
        return len(self.done) + len(self.failed) + len(self.too_long)


def score(
    cache: TextCache, batch: Sequence[Ready], images_per_pass: int | None = None
) -> Iterator[Scored]:
    """Score what could be decoded; each part as soon as it is scored. Makes no queries.

    `images_per_pass`: what the model computes in a few seconds; None: what the device holds.
    Raises leases.Lost, between passes, when nobody waits any more.
    """
    images_per_pass = images_per_pass or settings.BATCH_IMAGES
    undecodable = [(ready.job, ready.error) for ready in batch if ready.error is not None]
    if undecodable:
        yield Scored((), undecodable)
    decoded = [ready for ready in batch if ready.error is None]
    too_long = {ready.job.pk: indices for ready in decoded if (indices := _cut(cache, ready.job))}
    if too_long:
        jobs = [ready.job for ready in decoded if ready.job.pk in too_long]
        yield Scored(too_long=[(job, too_long[job.pk]) for job in jobs])
    short = [ready for ready in decoded if ready.job.pk not in too_long]
    yield from _score(cache, short, images_per_pass)


def _cut(cache: TextCache, job: Job) -> Sequence[int]:
    try:
        return cache.token_counts.too_long(job)
    except Exception:
        # Scoring it will say the same, and end this job alone.
        log.exception("texts not counted job=%s", job.pk)
        return []


def _score(cache: TextCache, batch: Sequence[Ready], images_per_pass: int) -> Iterator[Scored]:
    # All parts of one size before the smaller ones: only what is beside a bad input waits on.
    waiting = deque([batch] if batch else [])
    while waiting:
        part = waiting.popleft()
        done = _try(cache, part, images_per_pass)
        if done is not None:
            yield Scored(done)
        elif len(part) == 1:
            yield Scored((), [(part[0].job, ErrorCode.INTERNAL)])
        else:
            size = math.ceil(len(part) / PARTS)
            waiting += [part[start : start + size] for start in range(0, len(part), size)]


def _try(cache: TextCache, part: Sequence[Ready], images_per_pass: int) -> list[Done] | None:
    try:
        return _results(cache, part, images_per_pass)
    except leases.Lost:
        raise
    except Exception:
        # The edge of the worker: whatever a model raises may end one job, never the others.
        log.exception("batch failed jobs=%d", len(part))
        return None


def settle(scored: Scored) -> None:
    # Write results; what cannot be written now stays under its lease, to be given back.
    try:
        settlement.succeed(scored.done)
        for job, code in scored.failed:
            settlement.fail(job, code)
        for job, indices in scored.too_long:
            settlement.fail(job, ErrorCode.CONTEXT_LENGTH_EXCEEDED, {"truncated": indices})
    except DatabaseError:
        log.exception("results not written jobs=%d", scored.count)


def _results(cache: TextCache, batch: Sequence[Ready], images_per_pass: int) -> list[Done]:
    """One forward pass over all images, one over all texts that their owners have not cached."""
    started, text_s = time.monotonic(), cache.encode_s
    faults.hit("forward", *(ready.job for ready in batch))
    crops = [crop for ready in batch for crop in ready.crops]
    images = _encode(cache.encoder, crops, images_per_pass)
    image_s = time.monotonic() - started
    # Once a job: a classification may bring a thousand prompts.
    texts = [JobTexts.of(ready.job, kinds.of(ready.job).texts(ready.job)) for ready in batch]
    known_texts = cache.read(texts)
    # Not what it takes to look for texts in the shared cache.
    forward_s = image_s + cache.encode_s - text_s
    done, start = [], 0
    for ready, of_job, known in zip(batch, texts, known_texts, strict=True):
        vectors = images[start : start + len(ready.crops)]
        start += len(ready.crops)
        work = Work(
            job=ready.job,
            encoder=cache.encoder,
            image_vectors=vectors,
            text_vectors=known.vectors_of,
        )
        times = _times(ready, started=started, forward_s=forward_s)
        reading = cache.token_counts.reading_of(ready.job, of_job.texts)
        done.append(_done(work, known, times | asdict(reading), ready.preview))
    return done


def _times(ready: Ready, *, started: float, forward_s: float) -> Result:
    """Of the job's batch, in ms. It waits for the pass of the batch before it, and for passes of
    its own that have failed."""
    seconds = {"read_ms": ready.read_s, "wait_ms": started - ready.at, "forward_ms": forward_s}
    return {name: round(value * 1000, 2) for name, value in seconds.items()}


def _encode(encoder: Encoder, crops: Sequence[Image.Image], images_per_pass: int) -> Embeddings:
    """float32 [n, dim]. A job may bring more images than one pass may hold."""
    passes = []
    for start in range(0, max(len(crops), 1), images_per_pass):
        passes.append(encoder.encode_images(crops[start : start + images_per_pass]))
        leases.progressed()
    return np.concatenate(passes)


def _done(work: Work, known: KnownTexts, measured: Result, preview: bytes) -> Done:
    encoder = work.encoder
    outcome = kinds.of(work.job).run(work)
    result: Result = {
        "model": encoder.repo,
        "revision": encoder.revision,
        "preprocessing": encoder.preprocessing.fingerprint,
        "image_size": encoder.image_size,
        "texts_cached": len(known.vectors) - known.new,
    }
    result |= measured | outcome.result
    return Done(work.job, result, known.new, outcome.vectors, preview)
