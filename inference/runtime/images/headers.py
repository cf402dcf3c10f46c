"""What an image file says of itself, read in microseconds and without a decoder.

header = headers.read(data)  # Header(format="PNG", width=640, height=480, orientation=1)

Pillow's readers are no bound on a stranger's file: ten megabytes of comments, segments or chunks
of a few bytes each keep one busy for seconds before it knows the size. These look at a bounded
number of parts.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from inference.runtime.images import png
from inference.runtime.images.orientation import is_sideways, orientation_in

# JPEG segments, PNG and WebP chunks. PNG writers cut pixels into pieces of 8 kB or
# more; nothing in use has many others.
_MAX_PARTS = 1000
_MAX_GIF_BLOCKS = 10_000  # of up to 255 bytes: a color profile takes thousands

# Start of frame, of any process; the three left out are tables (ITU-T T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_MAX_PADDING = 4096
_NO_PADDING = re.compile(rb"[^\xff]")
_GIF_EXTENSION, _GIF_IMAGE = b"!,"

# As stored: width and height in pixels, and the orientation.
Size = tuple[int, int, int]


class UnreadableHeader(Exception):
    """Not a format that we accept, or it does not say its size where it should."""


@dataclass(frozen=True)
class Header:
    """`width` and `height` in pixels as stored, before `orientation` (EXIF, 1 to 8) is applied."""

    format: str
    width: int
    height: int
    orientation: int = 1

    @property
    def upright_size(self) -> tuple[int, int]:
        size = (self.width, self.height)
        return size[::-1] if is_sideways(self.orientation) else size


def read(data: bytes) -> Header:
    """Raises UnreadableHeader."""
    name = _format(data)
    try:
        header = Header(name, *_READERS[name](data))
    except (struct.error, IndexError) as error:
        raise UnreadableHeader(f"this {name} file ends before its size") from error
    if not header.width or not header.height:
        raise UnreadableHeader(f"this {name} file says that it has no pixels")
    return header


def _format(data: bytes) -> str:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(png.SIGNATURE):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    raise UnreadableHeader("this is no JPEG, PNG, WebP or GIF file")


def _jpeg(data: bytes) -> Size:
    size, orientation = None, 1
    for marker, start, length in _segments(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 1)
            size = (width, height)
        elif marker == _APP1 and data.startswith(b"Exif\0\0", start):
            orientation = orientation_in(data[start : start + length])
    if size is None:
        raise UnreadableHeader("this JPEG file does not say its size")
    return (*size, orientation)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and length of the content, up to the first scan."""
    start = 2
    for _ in range(_MAX_PARTS):
        # Decoders pass over what lies between segments, and over padding before a marker.
        padding = data.find(b"\xff", start) + 1
        found = _NO_PADDING.search(data, padding, padding + _MAX_PADDING) if padding else None
        if found is None:
            return
        marker, start = found.group()[0], found.end()
        if marker in (_SCAN, _END):
            return
        if marker not in _WITHOUT_LENGTH:
            [length] = struct.unpack_from(">H", data, start)
            yield marker, start + 2, length - 2
            start += length


def _png(data: bytes) -> Size:
    if data[12:16] != b"IHDR":
        raise UnreadableHeader("this PNG file does not begin with its size")
    width, height = struct.unpack_from(">II", data, 16)
    exif = (chunk for chunk in islice(png.chunks(data), _MAX_PARTS) if chunk.type == b"eXIf")
    return width, height, next((orientation_in(chunk.content(data)) for chunk in exif), 1)


def _webp(data: bytes) -> Size:
    # https://developers.google.com/speed/webp/docs/riff_container
    kind = data[12:16]
    if kind == b"VP8X":
        return (_uint24(data, 24) + 1, _uint24(data, 27) + 1, _webp_orientation(data))
    if kind == b"VP8L":
        [bits] = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF, 1
    raise UnreadableHeader("this WebP file does not begin with its size")


def _webp_orientation(data: bytes) -> int:
    start = 12
    for _ in range(_MAX_PARTS):
        kind = data[start : start + 4]
        if len(kind) < 4:
            break
        [length] = struct.unpack_from("<I", data, start + 4)
        if kind == b"EXIF":
            return orientation_in(data[start + 8 : start + 8 + length])
        start += 8 + length + length % 2
    return 1


def _uint24(data: bytes, start: int) -> int:
    return data[start] | data[start + 1] << 8 | data[start + 2] << 16


def _gif(data: bytes) -> Size:
    # https://www.w3.org/Graphics/GIF/spec-gif89a.txt
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    start = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)  # after the color table
    is_extension = False  # then it is a row of blocks, up to an empty one
    for _ in range(_MAX_GIF_BLOCKS):
        first = data[start]
        if is_extension:
            start += 1 + first
            is_extension = first > 0
        elif first == _GIF_IMAGE:
            # A first frame may be larger than the screen, and is what is decoded then.
            left, top, wide, high = struct.unpack_from("<HHHH", data, start + 1)
            return max(width, left + wide), max(height, top + high), 1
        else:
            is_extension = first == _GIF_EXTENSION
            start += 2 if is_extension else 1
    raise UnreadableHeader("this GIF file has more comments than are read")


_READERS: dict[str, Callable[[bytes], Size]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
}
FORMATS = tuple(_READERS)
