"""Reads the images of a batch and has them decoded, in child processes, into what the model sees.

An image that is damaged, or that crashes or stalls its decoder, fails its own job. A job has a
budget of processor time, however many images it brings.
"""

import atexit
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings
from PIL import Image

from catalog.infrastructure import storage
from inference import faults, images
from inference.jobs import call_rates, claims
from inference.models import ErrorCode, Input, Job
from inference.runtime.encoder import Encoder
from inference.runtime.images import sheet
from inference.runtime.images.decoders import Decoder, Decoders
from inference.runtime.images.decoding import Damaged, Decoded, Task, TooCostly

log = logging.getLogger(__name__)

# Of all images of one job. With the two that may be under way when it is used up, each within its
# own limit, a job is decoded or has failed within 15 s on two cores.
JOB_CPU_S = 16.0
# What is its sender's fault, and costs nothing.
WASTED = {ErrorCode.INVALID_IMAGE, ErrorCode.TOO_COSTLY}
MOST_DECODERS = 8  # more than a GPU's worker needs: each decodes 100 photos of 100 kB a second


@dataclass(frozen=True)
class Ready:
    """A job and the squares that the model sees of its images, or why there are none.

    `failed_input` is the index of the input that the error is about. `preview` is for the job's
    page, if it wants one: its image, or a sheet of several. `read_s`: how long its batch was read
    and decoded, which ended at `at` (of time.monotonic).
    """

    job: Job
    crops: Sequence[Image.Image]
    error: ErrorCode | None = None
    failed_input: int | None = None
    preview: bytes = b""
    read_s: float = 0.0
    at: float = field(default_factory=time.monotonic)


@dataclass
class _Progress:
    """Of one job, whose images several threads decode."""

    job: Job
    cpu_s: list[float] = field(default_factory=list)
    errors: dict[int, ErrorCode] = field(default_factory=dict)  # by the input's index
    decoded: dict[int, Decoded] = field(default_factory=dict)
    # Of decoders, whatever came of it.
    busy_s: list[float] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return bool(self.errors)

    def add(self, index: int, decoded: Decoded) -> None:
        self.decoded[index] = decoded
        self.cpu_s.append(decoded.cpu_s)
        if sum(self.cpu_s) > JOB_CPU_S:
            raise TooCostly(f"the job takes more than {JOB_CPU_S:.0f} s to decode")

    def count_waste(self) -> None:
        if WASTED.intersection(self.errors.values()):
            call_rates.count_waste_of(self.job, sum(self.busy_s))

    def ready(self, read_s: float) -> Ready:
        if self.errors:
            index = min(self.errors)
            error = self.errors[index]
            return Ready(self.job, [], error, index, read_s=read_s)
        decoded = [self.decoded[index] for index in sorted(self.decoded)]
        return Ready(
            self.job,
            [image.crop for image in decoded],
            preview=sheet.join([image.preview for image in decoded if image.preview]),
            read_s=read_s,
        )


@dataclass(frozen=True)
class _Item:
    progress: _Progress
    index: int
    image: Input
    read: Callable[[], bytes]


@cache
def decoders() -> Decoders:
    """Those of this process; their children start when they are first needed."""
    pool = Decoders(settings.DECODERS or min(os.cpu_count() or 1, MOST_DECODERS))
    atexit.register(pool.close)
    return pool


def make_ready(
    encoder: Encoder, batch: Sequence[Job], *, using: Decoders | None = None
) -> list[Ready]:
    """Raises storage.StorageUnavailable for a job that may be tried again."""
    faults.hit("claimed", *batch)
    progress = [_Progress(job) for job in batch]

    def decode(decoder: Decoder, item: _Item) -> None:
        _decode(encoder, decoder, item)

    started_s = time.monotonic()
    (using or decoders()).map(decode, _items(progress))
    read_s = time.monotonic() - started_s
    for of_job in progress:
        of_job.count_waste()
    return [of_job.ready(read_s) for of_job in progress]


def _items(progress: Sequence[_Progress]) -> Iterator[_Item]:
    files = [name for of_job in progress for name in of_job.job.image_files]
    contents = iter(storage.read_ahead(files))
    for of_job in progress:
        for index, item in enumerate(of_job.job.inputs):
            if "text" not in item:
                yield _Item(of_job, index, item, next(contents))


def _decode(encoder: Encoder, decoder: Decoder, item: _Item) -> None:
    # Threads only touch storage, never the database.
    progress, job = item.progress, item.progress.job
    if progress.is_over:
        return
    started_s = time.monotonic()
    try:
        progress.add(item.index, decoder.decode(_task(encoder, item)))
    except FileNotFoundError:
        progress.errors[item.index] = ErrorCode.INTERNAL  # most likely canceled a moment ago
    except storage.StorageUnavailable:
        # Nothing is wrong with the image: the batch is given back, and the last attempt fails it.
        progress.errors[item.index] = ErrorCode.INTERNAL
        if job.attempt < claims.MAX_ATTEMPTS:
            raise
    except (Damaged, TooCostly) as error:
        is_damaged = isinstance(error, Damaged)
        code = ErrorCode.INVALID_IMAGE if is_damaged else ErrorCode.TOO_COSTLY
        progress.errors[item.index] = code
        log.info("image not decoded job=%s input=%d: %s", job.pk, item.index, error)
    finally:
        progress.busy_s.append(time.monotonic() - started_s)


def _task(encoder: Encoder, item: _Item) -> Task:
    job = item.progress.job
    return Task(
        data=item.read(),
        size=(item.image["width"], item.image["height"]),
        preprocessing=encoder.preprocessing,
        preview_side=_preview_side(job),
        fault=faults.due("decode", job),
    )


def _preview_side(job: Job) -> int:
    if not job.keeps_preview:
        return 0
    return images.PREVIEW_SIDE if job.image_count == 1 else sheet.CELL_SIDE
