"""The chunks of a PNG file: https://www.w3.org/TR/png-3/#5Chunk-layout."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Colors, texts and times: whatever they say, the reference processors see the same pixels. Pillow
# unpacks some of them, and refuses a file where one is larger than a megabyte.
_NO_PIXELS = frozenset({b"iCCP", b"iTXt", b"tEXt", b"zTXt"})
_OVERHEAD = 12  # length, type and checksum


class Chunk(NamedTuple):
    type: bytes
    start: int
    length: int

    @property
    def end(self) -> int:
        """One past the last byte of its checksum."""
        return self.start + self.length + _OVERHEAD

    def content(self, data: bytes) -> bytes:
        return data[self.start + 8 : self.start + 8 + self.length]

    def is_intact(self, data: bytes) -> bool:
        checksum = int.from_bytes(data[self.end - 4 : self.end], "big")
        return zlib.crc32(memoryview(data)[self.start + 4 : self.end - 4]) == checksum


def chunks(data: bytes) -> Iterator[Chunk]:
    """In order, up to the first that the file does not hold in full."""
    start = len(SIGNATURE)
    while start + _OVERHEAD <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        chunk = Chunk(data[start + 4 : start + 8], start, length)
        if chunk.end > len(data):
            return
        yield chunk
        start = chunk.end


def without_texts(data: bytes) -> bytes:
    """The same picture without color profile and texts, however large; ValueError if one of these
    is damaged.
    """
    kept, start = [], 0
    for chunk in chunks(data):
        if chunk.type in _NO_PIXELS:
            if not chunk.is_intact(data):
                raise ValueError(f"the checksum of {chunk.type!r} is wrong")
            kept.append(data[start : chunk.start])
            start = chunk.end
    return b"".join([*kept, data[start:]]) if kept else data
