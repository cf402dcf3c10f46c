"""Reads the images of a batch and has them decoded, in child processes, into what the model sees.

An image that is damaged, or that crashes or stalls its decoder, fails its own job. A job has a
budget of processor time, however many images it brings.
"""

import atexit
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings
from PIL import Image

from catalog.infrastructure import storage
from catalog.infrastructure.storage_probe import Probe
from inference import faults, images
from inference.jobs import call_rates, claims
from inference.kinds.fields import on_error
from inference.models import ErrorCode, Input, Job
from inference.runtime.encoder import Encoder
from inference.runtime.images import sheet
from inference.runtime.images.decoders import Decoder, Decoders
from inference.runtime.images.decoding import Damaged, Decoded, DecoderUnavailable, Task, TooCostly

log = logging.getLogger(__name__)

# Of all images of one job. With the two that may be under way when it is used up, each within its
# own limit, a job is decoded or has failed within 15 s on two cores.
JOB_CPU_S = 16.0
# What is its sender's fault, and costs nothing.
WASTED = {ErrorCode.INVALID_IMAGE, ErrorCode.TOO_COSTLY}
# Whether this process can read images; it withdraws while it cannot (inference.worker.process).
probe = Probe()
MOST_DECODERS = 8  # more than a GPU's worker needs: each decodes 100 photos of 100 kB a second


@dataclass(frozen=True)
class Ready:
    """A job and the squares that the model sees of its images, or why there are none.

    `failed_input` is the index of the input that the error is about. `unusable` are errors of
    inputs that the job goes on without, by their index; they have no square. `preview` is for the
    job's page, if it wants one: its image, or a sheet of several. `read_s`: how long its batch was
    read and decoded, which ended at `at` (of time.monotonic).
    """

    job: Job
    crops: Sequence[Image.Image]
    error: ErrorCode | None = None
    failed_input: int | None = None
    unusable: Mapping[int, ErrorCode] = field(default_factory=dict)
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
    # Of decoders, whatever came of it, by the input's index.
    busy_s: dict[int, float] = field(default_factory=dict)

    # Why an image could not be read: then nothing is known of it.
    unread: dict[int, Exception] = field(default_factory=dict)

    @property
    def is_unread(self) -> bool:
        # A picture that was read, and is damaged, ends the job whatever the others are.
        return bool(self.unread) and (on_error.skips(self.job) or not self.errors)

    @property
    def is_given_up(self) -> bool:
        return self.is_unread and self.job.unread_count >= claims.MAX_UNREAD

    @property
    def is_over(self) -> bool:
        """Whether what is left need not be decoded."""
        if self.unread:
            return True
        if on_error.skips(self.job):
            return ErrorCode.INTERNAL in self.errors.values() or self.is_used_up
        return bool(self.errors)

    @property
    def is_used_up(self) -> bool:
        return sum(self.cpu_s) > JOB_CPU_S

    def add(self, index: int, decoded: Decoded) -> None:
        self.cpu_s.append(decoded.cpu_s)
        if not self.is_used_up or not on_error.skips(self.job):
            self.decoded[index] = decoded
        if self.is_used_up:
            raise TooCostly(f"the job takes more than {JOB_CPU_S:.0f} s to decode")

    def count_waste(self) -> None:
        if not WASTED.intersection(self.errors.values()):
            return
        # Of a job that goes on without them, only what they themselves have taken.
        wasted = self.errors if on_error.skips(self.job) else self.busy_s
        seconds = sum(self.busy_s.get(index, 0.0) for index in wasted)
        call_rates.count_waste_of(self.job, seconds)

    def ready(self, read_s: float) -> Ready:
        if self.is_unread:
            return Ready(self.job, [], ErrorCode.INTERNAL, min(self.unread), read_s=read_s)
        errors = self._final_errors()
        if errors and not self._goes_on(errors):
            index = min(errors)
            return Ready(self.job, [], errors[index], index, read_s=read_s)
        decoded = [self.decoded[index] for index in sorted(self.decoded)]
        return Ready(
            self.job,
            [image.crop for image in decoded],
            unusable=errors,
            preview=sheet.join([image.preview for image in decoded if image.preview]),
            read_s=read_s,
        )

    def _final_errors(self) -> dict[int, ErrorCode]:
        if not on_error.skips(self.job) or not self.is_used_up:
            return self.errors
        # What was not decoded any more was too costly as well.
        images = [index for index, item in enumerate(self.job.inputs) if "file" in item]
        left = [index for index in images if index not in self.decoded]
        return dict.fromkeys(left, ErrorCode.TOO_COSTLY) | self.errors

    def _goes_on(self, errors: Mapping[int, ErrorCode]) -> bool:
        is_their_fault = WASTED.issuperset(errors.values())
        has_others = bool(self.decoded or self.job.text_inputs)
        return on_error.skips(self.job) and is_their_fault and has_others


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
    """What can be computed of the batch, or has failed.

    A job whose images the storage does not give is left to another worker, or a later moment
    (claims.postpone), and is not among them; after some times it has failed.
    """
    faults.hit("claimed", *batch)
    progress = [_Progress(job) for job in batch]

    def decode(decoder: Decoder, item: _Item) -> None:
        _decode(encoder, decoder, item)

    started_s = time.monotonic()
    (using or decoders()).map(decode, _items(progress))
    read_s = time.monotonic() - started_s
    for of_job in progress:
        of_job.count_waste()
    postponed = _postpone([of_job for of_job in progress if of_job.is_unread])
    return [of_job.ready(read_s) for of_job in progress if of_job.job.pk not in postponed]


def _postpone(unread: Sequence[_Progress]) -> set[uuid.UUID]:
    """Which of them are not computed now."""
    if not unread:
        return set()
    waiting = [of_job for of_job in unread if not of_job.is_given_up]
    jobs = [of_job.job for of_job in waiting]
    # A job that was canceled a moment ago has lost its files and its lease.
    were_ours = claims.postpone(_lease_of(jobs), jobs) if jobs else 0
    for of_job in unread:
        [error, *_] = of_job.unread.values()
        log.warning("image not read job=%s error=%r", of_job.job.pk, error)
    is_storage = not isinstance(error, DecoderUnavailable)
    if is_storage and (were_ours or len(waiting) < len(unread)):
        probe.note_unread(error)
    return {job.pk for job in jobs}


def _lease_of(jobs: Sequence[Job]) -> uuid.UUID:
    token = jobs[0].lease_token
    assert token is not None, "only claimed jobs are decoded"  # noqa: S101
    return token


def _items(progress: Sequence[_Progress]) -> Iterator[_Item]:
    files = [name for of_job in progress for name in of_job.job.image_files]
    contents = iter(storage.read_ahead(files))
    for of_job in progress:
        for index, item in enumerate(of_job.job.inputs):
            if "file" in item:
                yield _Item(of_job, index, item, next(contents))


def _decode(encoder: Encoder, decoder: Decoder, item: _Item) -> None:
    # Threads only touch storage, never the database.
    progress, job = item.progress, item.progress.job
    if progress.is_over:
        return
    started_s = time.monotonic()
    try:
        progress.add(item.index, decoder.decode(_task(encoder, item)))
    except (FileNotFoundError, storage.StorageUnavailable, DecoderUnavailable) as error:
        progress.unread[item.index] = error
    except (Damaged, TooCostly) as error:
        is_damaged = isinstance(error, Damaged)
        code = ErrorCode.INVALID_IMAGE if is_damaged else ErrorCode.TOO_COSTLY
        progress.errors[item.index] = code
        log.info("image not decoded job=%s input=%d: %s", job.pk, item.index, error)
    finally:
        progress.busy_s[item.index] = time.monotonic() - started_s


def _task(encoder: Encoder, item: _Item) -> Task:
    job = item.progress.job
    data = item.read()
    if not data:
        raise storage.StorageUnavailable("the file is empty; what was stored was not")
    return Task(
        data=data,
        size=(item.image["width"], item.image["height"]),
        preprocessing=encoder.preprocessing,
        preview_side=_preview_side(job),
        fault=faults.due("decode", job),
    )


def _preview_side(job: Job) -> int:
    if not job.keeps_preview:
        return 0
    return images.PREVIEW_SIDE if job.image_count == 1 else sheet.CELL_SIDE
