"""What becomes of a batch of jobs: make_ready -> score -> settle.

    for part in batches.score(memory, batches.make_ready(encoder, claimed)):
        batches.settle(part)

Decoded in threads, one forward pass a tower, and everything written in one transaction.

A picture that cannot be decoded fails its own job. If a forward pass fails, the batch is tried
again in parts, down to single jobs, and each part is told as soon as it is found: one bad input
neither takes its mates with it nor keeps most of them waiting.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import Error as DatabaseError
from PIL import Image

from inference import faults
from inference import images as pictures
from inference.models import ErrorCode, Job, Kind
from inference.runtime.cpu import threads
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.images import decoding
from inference.runtime.zero_shot import Activation, LabelScore, classify
from inference.worker import settlement
from inference.worker.settlement import Done, Result
from inference.worker.text_cache import TextMemory

log = logging.getLogger(__name__)

# Pillow decodes and resizes without the GIL. Threads only touch storage, never the database.
_decoders = ThreadPoolExecutor(
    max_workers=2, thread_name_prefix="decode", initializer=threads.stay_alone
)


# Into how many parts a batch is cut whose forward pass has failed. Of 64 jobs with a bad one, 48
# are done after four more passes and all after twelve; no job is run more than four times.
PARTS = 4


class OutOfMemory(Exception):
    """There was not enough memory to decode a batch."""


@dataclass(frozen=True)
class Ready:
    """A job and the squares that the model sees of its pictures, or why there are none."""

    job: Job
    crops: Sequence[Image.Image]
    error: ErrorCode | None = None


def make_ready(encoder: Encoder, batch: Sequence[Job]) -> list[Ready]:
    """Read and decode all pictures of a batch, in threads."""
    faults.hit("claimed", *batch)
    wanted = [(job, place) for job in batch for place in job.picture_places]
    found = iter(list(_decoders.map(lambda each: _crop(encoder, *each), wanted)))
    return [_ready(job, [next(found) for _ in job.picture_places]) for job in batch]


def _ready(job: Job, found: Sequence[Image.Image | ErrorCode]) -> Ready:
    crops = [each for each in found if isinstance(each, Image.Image)]
    error = next((each for each in found if isinstance(each, ErrorCode)), None)
    return Ready(job, crops, error)


def _crop(encoder: Encoder, job: Job, place: int) -> Image.Image | ErrorCode:
    """The square that the model sees, or why there is none."""
    try:
        faults.hit("decode", job)
        with (
            default_storage.open(job.picture_name(place)) as file,
            decoding.opened(
                file, formats=pictures.FORMATS, max_pixels=pictures.MAX_PIXELS
            ) as image,
        ):
            return encoder.preprocessing.crop(image)
    except FileNotFoundError:
        return ErrorCode.INTERNAL  # most likely cancelled a moment ago; then this changes nothing
    except MemoryError as error:
        # Perhaps a mate's doing: the batch is given back, and each job of it tried alone. Celery
        # would end the worker for a MemoryError.
        raise OutOfMemory(f"decoding a picture of job {job.pk}") from error
    except Exception:  # noqa: BLE001  decoders meet hostile bytes; any failure is the picture's
        return ErrorCode.INVALID_IMAGE


@dataclass(frozen=True)
class Scored:
    """What was found of a part of a batch, and which jobs have failed; not written yet."""

    done: Sequence[Done] = ()
    failed: Sequence[tuple[Job, ErrorCode]] = ()


def score(memory: TextMemory, batch: Sequence[Ready]) -> Iterator[Scored]:
    """Score what is ready, whatever becomes of the others; each part as it is found. No queries."""
    undecodable = [(each.job, each.error) for each in batch if each.error is not None]
    if undecodable:
        yield Scored((), undecodable)
    yield from _score(memory, [each for each in batch if each.error is None])


def _score(memory: TextMemory, batch: Sequence[Ready]) -> Iterator[Scored]:
    """All parts of one size before the smaller ones: only what is beside a bad input waits on."""
    waiting = deque([batch] if batch else [])
    while waiting:
        part = waiting.popleft()
        done = _tried(memory, part)
        if done is not None:
            yield Scored(done)
        elif len(part) == 1:
            yield Scored((), [(part[0].job, ErrorCode.INTERNAL)])
        else:
            size = math.ceil(len(part) / PARTS)
            waiting += [part[start : start + size] for start in range(0, len(part), size)]


def _tried(memory: TextMemory, part: Sequence[Ready]) -> list[Done] | None:
    try:
        return _results(memory, part)
    except Exception:
        # The edge of the worker: whatever a model raises may end one job, never its mates.
        log.exception("batch failed jobs=%d", len(part))
        return None


def settle(scored: Scored) -> None:
    """Write what was found; what cannot be written now stays under its lease, to be given back."""
    try:
        settlement.succeed(scored.done)
        for job, code in scored.failed:
            settlement.fail(job, code)
    except DatabaseError:
        log.exception("results not written jobs=%d", len(scored.done) + len(scored.failed))


def _results(memory: TextMemory, batch: Sequence[Ready]) -> list[Done]:
    """One forward pass over all pictures, one over all texts that are not known yet."""
    started = time.monotonic()
    faults.hit("forward", *(each.job for each in batch))
    images = iter(_encode(memory.encoder, [crop for each in batch for crop in each.crops]))
    new = memory.learn(text for each in batch for text in texts_of(each.job))
    forward_ms = round((time.monotonic() - started) * 1000)
    done = []
    for each in batch:
        rows = [next(images) for _ in each.crops]
        # Whoever comes first pays for a text; its mates in the batch find it known.
        own_new = {text for text in texts_of(each.job) if text in new}
        new -= own_new
        done.append(_done(memory, each.job, rows, new_labels=len(own_new), forward_ms=forward_ms))
    return done


def _encode(encoder: Encoder, crops: Sequence[Image.Image]) -> Iterator[Embeddings]:
    """One vector each. A job may bring more pictures than one pass may hold."""
    for start in range(0, len(crops), settings.BATCH_IMAGES):
        yield from encoder.encode_images(crops[start : start + settings.BATCH_IMAGES])


def texts_of(job: Job) -> list[str]:
    """Every text that the job's model has to read: prompts, and inputs that are texts."""
    inputs = [each["text"] for each in job.inputs if "text" in each]
    return [*(job.template.replace("{}", label) for label in job.labels), *inputs]


def _done(
    memory: TextMemory, job: Job, rows: Sequence[Embeddings], *, new_labels: int, forward_ms: int
) -> Done:
    encoder = memory.encoder
    result: Result = {
        "model": encoder.repo,
        "revision": encoder.revision,
        "preprocessing": encoder.preprocessing.fingerprint,
        "image_size": encoder.image_size,
        "labels_cached": len(set(texts_of(job))) - new_labels,
        "forward_ms": forward_ms,
    }
    if job.kind == Kind.EMBED:
        vectors = _vectors(memory, job, rows)
        return Done(job, result | {"dim": encoder.embed_dim}, new_labels, vectors)
    activation = activation_of(job, encoder)
    scored = _rows(memory, job, rows, activation)
    return Done(job, result | {"activation": activation.value, "rows": scored}, new_labels)


def activation_of(job: Job, encoder: Encoder) -> Activation:
    """What was asked for; "auto" is softmax for CLIP and sigmoid for what has a bias (SigLIP)."""
    if job.activation != "auto":
        return Activation(job.activation)
    return Activation.SIGMOID if encoder.logit_bias else Activation.SOFTMAX


def _vectors(memory: TextMemory, job: Job, rows: Sequence[Embeddings]) -> bytes:
    """float32 [n, dim] of all inputs in order, pictures and texts, as little-endian bytes."""
    images = iter(rows)
    in_order = [
        memory.vectors_of([each["text"]])[0] if "text" in each else next(images)
        for each in job.inputs
    ]
    vectors = np.stack(in_order)
    if not np.isfinite(vectors).all():
        raise ArithmeticError(f"{memory.encoder.repo} gave a vector that is no number")
    return vectors.astype("<f4").tobytes()


def _rows(
    memory: TextMemory, job: Job, rows: Sequence[Embeddings], activation: Activation
) -> list[Result]:
    """Per picture: predictions best first, and what the model saw of it."""
    prompts = [job.template.replace("{}", label) for label in job.labels]
    encoder = memory.encoder
    scored = classify(
        np.stack(rows),
        memory.vectors_of(prompts),
        logit_scale=encoder.logit_scale,
        logit_bias=encoder.logit_bias,
        activation=activation,
    )
    return [
        {"predictions": _predictions(encoder, job, scores), "crop": _box(encoder, job, place)}
        for scores, place in zip(scored, job.picture_places, strict=True)
    ]


def _predictions(encoder: Encoder, job: Job, scores: Sequence[LabelScore]) -> list[Result]:
    if not all(math.isfinite(score.logit) for score in scores):
        raise ArithmeticError(f"{encoder.repo} gave a score that is no number")
    rows = [
        {"label": label} | asdict(score) for label, score in zip(job.labels, scores, strict=True)
    ]
    return sorted(rows, key=lambda row: row["logit"], reverse=True)


def _box(encoder: Encoder, job: Job, place: int) -> list[float]:
    size = job.inputs[place]
    return list(encoder.preprocessing.crop_box(size["width"], size["height"]))
