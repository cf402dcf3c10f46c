"""Reads the images of a batch and has them decoded, in child processes, into what the model sees.

An image that is damaged, or that crashes or stalls its decoder, fails its own job. A job has a
budget of processor time, however many images it brings.
"""

import atexit
import logging
import os
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import cache, partial

from django.conf import settings

from catalog.infrastructure import storage
from catalog.infrastructure.storage_probe import Probe
from inference import faults, images
from inference.jobs import claims
from inference.models import ErrorCode, Input, Job
from inference.runtime.encoder import Encoder
from inference.runtime.images import sheet
from inference.runtime.images.decoders import Decoder, Decoders
from inference.runtime.images.decoding import Damaged, DecoderUnavailable, Task, TooCostly
from inference.worker import leases
from inference.worker.ready import Progress, Ready

log = logging.getLogger(__name__)

# Whether this process can read images; it withdraws while it cannot (inference.worker.process).
probe = Probe()
# Each decodes so many in 0.6 s, if they are of the dearest kind (WebP, PNG with alpha).
PIXELS_A_DECODER = 25_000_000
# How often a worker that waits for decoders looks whether somebody else's batch can go first.
LOOK_S = 0.1
MOST_DECODERS = 8  # more than a GPU's worker needs: each decodes 100 photos of 100 kB a second

# One at a time, of however many batches: the other decoders are for pictures of everybody else.
_slice: list[Future[None]] = []


@dataclass(frozen=True)
class _Item:
    progress: Progress
    index: int
    image: Input
    read: Callable[[], bytes]


@cache
def decoders() -> Decoders:
    """Those of this process; their children start when they are first needed."""
    pool = Decoders(settings.DECODERS or min(os.cpu_count() or 1, MOST_DECODERS))
    atexit.register(pool.close)
    return pool


def pixels_per_claim() -> int:
    """What is decoded at once, before a batch is computed: 0.6 s at the worst. One job of more is
    decoded in slices."""
    return decoders().count * PIXELS_A_DECODER


def make_ready(
    encoder: Encoder, batch: Sequence[Job], *, using: Decoders | None = None
) -> list[Ready]:
    """What can be computed of the batch, or has failed.

    A job whose images the storage does not give is left to another worker, or a later moment
    (claims.postpone), and is not among them; after some times it has failed.
    """
    progress = _begun(batch)
    started_s = time.monotonic()
    (using or decoders()).map(partial(_decode, encoder), _items(progress))
    return _ready(progress, time.monotonic() - started_s)


def make_ready_in_slices(
    encoder: Encoder, batch: Sequence[Job], *, using: Decoders | None = None
) -> Generator[None, None, list[Ready]]:
    """As `make_ready`, for what takes long. Pauses after each slice, and LOOK_S of one: meanwhile
    decoders are free for others' images, and so is the device. Raises leases.Lost.
    """
    progress, pool = _begun(batch), using or decoders()
    read_s = 0.0
    for part in _slices(_items(progress), pool.count * PIXELS_A_DECODER // 2):
        yield from _end_of(_slice)
        started_s = time.monotonic()
        _slice[:] = decoding = pool.submit(partial(_decode, encoder), part)
        yield from _end_of(decoding)
        read_s += time.monotonic() - started_s
        for each in decoding:
            each.result()
        leases.progressed()
        yield
    return _ready(progress, read_s)


def _end_of(decoding: Sequence[Future[None]]) -> Generator[None]:
    # No time limit: an image has its own.
    while wait(decoding, timeout=LOOK_S).not_done:
        yield


def _slices(items: Iterable[_Item], pixels: int) -> Iterator[list[_Item]]:
    """Of so many pixels, or of one image."""
    part: list[_Item] = []
    room = pixels
    for item in items:
        size = item.image["width"] * item.image["height"]
        if part and size > room:
            yield part
            part, room = [], pixels
        part.append(item)
        room -= size
    if part:
        yield part


def _begun(batch: Sequence[Job]) -> list[Progress]:
    faults.hit("claimed", *batch)
    return [Progress(job) for job in batch]


def _ready(progress: Sequence[Progress], read_s: float) -> list[Ready]:
    for of_job in progress:
        of_job.count_waste()
    postponed = _postpone([of_job for of_job in progress if of_job.is_unread])
    return [of_job.ready(read_s) for of_job in progress if of_job.job.pk not in postponed]


def _postpone(unread: Sequence[Progress]) -> set[uuid.UUID]:
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


def _items(progress: Sequence[Progress]) -> Iterator[_Item]:
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
