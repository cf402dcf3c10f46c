"""How many pixels are decoded at once: what large pictures take of the machine's memory.

A decoder lays out an image in full, at four bytes a pixel. Each has its own limit; without a limit
on their sum a machine would need room for the largest picture in every one of them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PixelRoom:
    """Room for `pixels` at once. A picture that is larger goes in when nothing else is there."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait for room, and hold it for as long as the block runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(pixels))
            self._taken += pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()

    def _has_room(self, pixels: int) -> bool:
        return not self._taken or self._taken + pixels <= self._pixels
