"""Files that are small, or claim much, and cost a careless reader seconds or gigabytes."""

import struct
import zlib
from collections.abc import Callable

from inference.runtime.images import png

MEGABYTES = 8 * 2**20


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_header(width: int, height: int, *, bits: int = 8, color: int = 2) -> bytes:
    """A PNG that claims a size without having the pixels."""
    size = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return png.SIGNATURE + chunk(b"IHDR", size)


def flat_png(width: int, height: int) -> bytes:
    """Black and white: 40 megapixels in some kilobytes."""
    rows = bytes((1 + (width + 7) // 8) * height)
    pixels = chunk(b"IDAT", zlib.compress(rows, 9))
    return png_header(width, height, bits=1, color=0) + pixels + chunk(b"IEND", b"")


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk, right behind its header."""
    at = len(png.SIGNATURE) + 25
    return data[:at] + chunk(kind, content) + data[at:]


def _exif_bomb() -> bytes:
    """Thousands of entries that each claim all of the block."""
    entry = struct.pack(">HHII", 0x9000, 7, 60_000, 0)
    block = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 5000) + entry * 5000
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    return b"\xff\xd8" + segment * (MEGABYTES // len(segment))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "jpeg, junk between segments": lambda: b"\xff\xd8\xff\xe0\0\2" + bytes(MEGABYTES),
    "jpeg, empty segments": lambda: b"\xff\xd8" + b"\xff\xe0\0\2" * (MEGABYTES // 4),
    "jpeg, padding": lambda: b"\xff\xd8" + b"\xff" * MEGABYTES,
    "jpeg, exif": _exif_bomb,
    "png, empty chunks": lambda: png_header(9, 9) + chunk(b"abCd", b"") * (MEGABYTES // 12),
    "gif, small blocks": lambda: _gif() + b"\x01a" * (MEGABYTES // 2),
    "gif, small comments": lambda: _gif() + b"\x01a\0!\xfe" * (MEGABYTES // 5),
    "webp, empty chunks": lambda: _webp() + b"abcd\0\0\0\0" * (MEGABYTES // 8),
}


def _gif() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b"!\xfe"


def _webp() -> bytes:
    start = b"RIFF" + struct.pack("<I", MEGABYTES) + b"WEBPVP8X" + struct.pack("<I", 10)
    return start + b"\xff\0\0\0\x01\x01\0\x01\x01\0"
