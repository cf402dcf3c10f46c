"""Opens a picture's file for a model: size limits first, then not too many pixels at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image

# A decoded pixel takes four bytes, and the steps to the square hold it up to three times.
MOST_PIXELS_AT_ONCE = 48_000_000


class TooManyPixels(Exception):
    """Its header says that the picture is larger than what is accepted."""


class Gate:
    """Lets through as much at a time as fits below `most`, or one that is larger by itself."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0
        self._changed = threading.Condition()

    @contextmanager
    def through(self, amount: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._is_open_for(amount))
            self._inside += amount
        try:
            yield
        finally:
            with self._changed:
                self._inside -= amount
                self._changed.notify_all()

    def _is_open_for(self, amount: int) -> bool:
        return not self._inside or self._inside + amount <= self._most


_gate = Gate(MOST_PIXELS_AT_ONCE)


@contextmanager
def opened(file: IO[bytes], *, formats: tuple[str, ...], max_pixels: int) -> Iterator[Image.Image]:
    """The picture, not decoded yet: that is to happen inside, where its share of memory is kept.

    What was accepted is checked again: files lie in a store that others may write to. Raises
    TooManyPixels, and what Pillow raises for files that are no picture.
    """
    with Image.open(file, formats=formats) as image:
        pixels = image.width * image.height
        if pixels > max_pixels:
            raise TooManyPixels(f"{image.width} x {image.height} pixels; {max_pixels:,} at most")
        with _gate.through(pixels):
            yield image
