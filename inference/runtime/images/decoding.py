"""Decodes one image file into what a model sees of it.

DecodingError        root
    Damaged          not the image that its header promised
    TooCostly        it takes more time or memory than one image may

A stranger's bytes meet a decoder here and nowhere else: in a process of its own (decoders, child).
"""

import io
from dataclasses import dataclass

from PIL import Image

from inference.runtime.images import headers, png
from inference.runtime.images.preprocessing import Preprocessing

_PREVIEW_QUALITY = 85


# What a child says first.
READY = b"ready"


class DecoderUnavailable(Exception):
    """No decoder comes up on this machine: nothing is known of the image."""


class DecodingError(Exception):
    pass


class Damaged(DecodingError):
    pass


class TooCostly(DecodingError):
    pass


@dataclass(frozen=True, kw_only=True)
class Task:
    """A file, and the upright (width, height) in pixels that it was admitted with.

    `preview_side` is the most that a preview may measure; 0: none is wanted. `fault` is what a
    test wants to happen (inference.faults).
    """

    data: bytes
    size: tuple[int, int]
    preprocessing: Preprocessing
    preview_side: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Decoded:
    """`crop` is what the model sees. `preview` is an upright JPEG in the same colors, without
    metadata, or empty. `cpu_s`: seconds of a processor that it took.
    """

    crop: Image.Image
    preview: bytes = b""
    cpu_s: float = 0.0


def decode(task: Task) -> Decoded:
    """Raises DecodingError."""
    try:
        return _decode(task)
    except MemoryError as error:
        raise TooCostly("it takes too much memory") from error
    except Exception as error:  # decoders meet hostile bytes; any failure is the image's
        raise Damaged(f"it cannot be decoded: {error!r}") from error


def _decode(task: Task) -> Decoded:
    header = headers.read(task.data)
    # What was admitted is what is decoded, whoever has written to the storage meanwhile.
    if header.upright_size != task.size:
        raise Damaged(f"it was admitted as {task.size}, and is {header.upright_size}")
    data = png.without_texts(task.data) if header.format == "PNG" else task.data
    with Image.open(io.BytesIO(data), formats=[header.format]) as image:
        if image.size != (header.width, header.height):
            raise Damaged(f"its header says {header}, and its pixels {image.size}")
        crop = task.preprocessing.crop(image, orientation=header.orientation)
        if not task.preview_side:
            return Decoded(crop)
        preview = task.preprocessing.preview(
            image, orientation=header.orientation, side=task.preview_side
        )
    return Decoded(crop, _jpeg(preview))


def _jpeg(image: Image.Image) -> bytes:
    # Pillow writes a comment that it has read, and may come to write more of what it knows.
    image.info = {}
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_PREVIEW_QUALITY, optimize=True)
    return buffer.getvalue()
