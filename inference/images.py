"""Checking a stranger's image, from its header alone: a decoder sees it in the worker only.

InvalidImage      root; `str(error)` is a sentence for people
"""

import hashlib
from dataclasses import dataclass, field

from inference.runtime.images import headers

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_SIDE = 16_384
MAX_ASPECT = 200
# Of all images of one request: measured on two cores, the costliest formats are decoded in 6 s.
MAX_REQUEST_PIXELS = 400_000_000
PREVIEW_SIDE = 960
TOO_MANY_BYTES = "That picture is larger than 10 MB. Please send a smaller copy."
FORMATS = headers.FORMATS


class InvalidImage(Exception):
    pass


@dataclass(frozen=True)
class ImageFile:
    """An image that passed every check; `width` and `height` are the upright size in pixels.

    That it can be decoded is seen later, by the worker: a damaged one fails its job.
    """

    original: bytes = field(repr=False)
    width: int
    height: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.original).hexdigest()

    @property
    def pixels(self) -> int:
        return self.width * self.height


def check(data: bytes) -> ImageFile:
    """Takes less than 5 ms, whatever the file claims to be; raises InvalidImage."""
    if len(data) > MAX_BYTES:
        raise InvalidImage(TOO_MANY_BYTES)
    try:
        width, height = headers.read(data).upright_size
    except headers.UnreadableHeader as error:
        raise InvalidImage(
            "That file is not a picture we can read. JPEG, PNG, WebP and GIF work."
        ) from error
    _check_size(width, height)
    return ImageFile(data, width, height)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise InvalidImage(
            "That picture has too many pixels: 40 megapixels and 16,384 a side are the most."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InvalidImage(
            f"That picture is {width} x {height} pixels, too narrow to show a model anything."
        )
