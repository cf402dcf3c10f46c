"""Reads and decodes the images of a batch, in threads, into what the model sees of them."""

import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from PIL import Image

from catalog.infrastructure import storage
from inference import faults, images
from inference.jobs import claims
from inference.models import ErrorCode, Job
from inference.runtime.cpu import threads
from inference.runtime.encoder import Encoder
from inference.runtime.images import decoding

# Pillow decodes and resizes without the GIL. Threads only touch storage, never the database.
_decoders = ThreadPoolExecutor(
    max_workers=2, thread_name_prefix="decode", initializer=threads.stay_alone
)


class OutOfMemory(Exception):
    pass


@dataclass(frozen=True)
class Ready:
    """A job and the squares that the model sees of its images, or why there are none.

    `read_s`: how long its batch was read and decoded, which ended at `at` (of time.monotonic).
    """

    job: Job
    crops: Sequence[Image.Image]
    error: ErrorCode | None = None
    read_s: float = 0.0
    at: float = field(default_factory=time.monotonic)


def make_ready(encoder: Encoder, batch: Sequence[Job]) -> list[Ready]:
    faults.hit("claimed", *batch)
    started = time.monotonic()
    owners = [job for job in batch for _ in job.image_files]
    contents = storage.read_ahead(name for job in batch for name in job.image_files)
    crops = iter(list(_decoders.map(partial(_crop, encoder), owners, contents)))
    read_s = time.monotonic() - started
    return [_ready(job, [next(crops) for _ in job.image_inputs], read_s) for job in batch]


def _ready(job: Job, crops: Sequence[Image.Image | ErrorCode], read_s: float) -> Ready:
    return Ready(
        job,
        [crop for crop in crops if isinstance(crop, Image.Image)],
        next((crop for crop in crops if isinstance(crop, ErrorCode)), None),
        read_s,
    )


def _crop(encoder: Encoder, job: Job, read: Callable[[], bytes]) -> Image.Image | ErrorCode:
    try:
        faults.hit("decode", job)
        file = io.BytesIO(read())
        with decoding.opened(file, formats=images.FORMATS, max_pixels=images.MAX_PIXELS) as image:
            return encoder.preprocessing.crop(image)
    except FileNotFoundError:
        return ErrorCode.INTERNAL  # most likely canceled a moment ago; then this changes nothing
    except storage.StorageUnavailable:
        # Nothing is wrong with the image: the batch is given back, and the last attempt fails it.
        if job.attempt < claims.MAX_ATTEMPTS:
            raise
        return ErrorCode.INTERNAL
    except MemoryError as error:
        # Perhaps another job's doing: the batch is given back, and each job of it tried alone.
        # Celery would end the worker for a MemoryError.
        raise OutOfMemory(f"decoding an image of job {job.pk}") from error
    except Exception:  # noqa: BLE001  decoders meet hostile bytes; any failure is the image's
        return ErrorCode.INVALID_IMAGE
