"""Opens an image file for a model: size limits first, then not too many pixels at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image

# A decoded pixel takes four bytes, and the steps to the square hold it up to three times.
MAX_PIXELS_AT_ONCE = 48_000_000


class TooManyPixels(Exception):
    """The header announces more pixels than are accepted."""


class Gate:
    """Admits at most `limit` at a time, or one larger amount that is alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._admitted = 0
        self._changed = threading.Condition()

    @contextmanager
    def through(self, amount: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._is_open_for(amount))
            self._admitted += amount
        try:
            yield
        finally:
            with self._changed:
                self._admitted -= amount
                self._changed.notify_all()

    def _is_open_for(self, amount: int) -> bool:
        return not self._admitted or self._admitted + amount <= self._limit


_gate = Gate(MAX_PIXELS_AT_ONCE)


@contextmanager
def opened(file: IO[bytes], *, formats: tuple[str, ...], max_pixels: int) -> Iterator[Image.Image]:
    """The image, not decoded yet: decode inside the block, where its share of memory is reserved.

    Raises TooManyPixels, and what Pillow raises for files that are not images.
    """
    with Image.open(file, formats=formats) as image:
        # Checked on upload, too; but files lie in a store that others may write to.
        pixels = image.width * image.height
        if pixels > max_pixels:
            raise TooManyPixels(f"{image.width} x {image.height} pixels; {max_pixels:,} at most")
        with _gate.through(pixels):
            yield image
