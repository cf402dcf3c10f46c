"""Checking a stranger's image: limits first, from the header alone, then one careful decode.

InvalidImage      root; `str(error)` is a sentence for people
"""

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore

from PIL import Image, UnidentifiedImageError

from inference.runtime.images.orientation import orientation_of, upright

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_SIDE = 16_384
MAX_ASPECT = 200
PREVIEW_SIDE = 960
FIRST_SIDEWAYS = 5  # EXIF orientations 5 to 8 swap width and height
TOO_MANY_BYTES = "That picture is larger than 10 MB. Please send a smaller copy."
DAMAGED = "That picture is damaged and cannot be decoded. Please try another copy of it."
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")

# A decoded image takes up to 160 MB: not more than a few at a time, however many are sent.
_decoding = BoundedSemaphore(3)


class InvalidImage(Exception):
    pass


@dataclass(frozen=True)
class ImageFile:
    """An image that passed every check.

    `original` are the bytes as sent; `preview` an upright JPEG without metadata, at most 960 px
    a side, or empty; `width` and `height` the upright size in pixels.
    """

    original: bytes
    preview: bytes
    width: int
    height: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.original).hexdigest()


def check_and_preview(data: bytes) -> ImageFile:
    """Check and decode the bytes of an image; raises InvalidImage."""
    if len(data) > MAX_BYTES:
        raise InvalidImage(TOO_MANY_BYTES)
    image = _open(data)
    width, height = image.size
    _check_size(width, height)
    with _decoding:
        preview, is_sideways = _decode(image)
    return ImageFile(data, preview, *((height, width) if is_sideways else (width, height)))


def check(data: bytes) -> ImageFile:
    """The same limits from the header alone, without a preview; raises InvalidImage.

    The worker decodes later, and a damaged image fails its job.
    """
    if len(data) > MAX_BYTES:
        raise InvalidImage(TOO_MANY_BYTES)
    image = _open(data)
    width, height = image.size
    _check_size(width, height)
    if _is_sideways(image):
        width, height = height, width
    return ImageFile(data, b"", width, height)


def _is_sideways(image: Image.Image) -> bool:
    try:
        with _without_warnings():
            return orientation_of(image) >= FIRST_SIDEWAYS
    except Exception as error:
        raise InvalidImage(DAMAGED) from error


@contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        # Pillow warns of bombs at a size of its own; ours is checked next, and is lower.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # A truncated EXIF is common, and no reason to refuse an image that can be seen.
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
        yield


def _open(data: bytes) -> Image.Image:
    # The header only: Pillow decodes no pixel before `load`.
    try:
        with _without_warnings():
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise InvalidImage(_too_many_pixels()) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InvalidImage(
            "That file is not a picture we can read. JPEG, PNG, WebP and GIF work."
        ) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise InvalidImage(_too_many_pixels())
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InvalidImage(
            f"That picture is {width} x {height} pixels, too narrow to show a model anything."
        )


def _too_many_pixels() -> str:
    return "That picture has too many pixels: 40 megapixels and 16,384 a side are the most."


def _decode(image: Image.Image) -> tuple[bytes, bool]:
    """The upright preview, and whether EXIF swaps width and height."""
    try:
        is_sideways = orientation_of(image) >= FIRST_SIDEWAYS
        # A JPEG is decoded at a fraction of its size, which saves memory.
        image.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))
        image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), reducing_gap=2.0)
        return _jpeg(upright(image).convert("RGB")), is_sideways
    except Exception as error:
        raise InvalidImage(DAMAGED) from error


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()
