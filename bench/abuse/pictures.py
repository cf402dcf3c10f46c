"""Pictures that are small to send and large to decode, and the data URLs they travel as."""

import base64
import io
from functools import cache

from PIL import Image

from bench.engine import photos

# 40 megapixels, the most that is accepted.
WIDE, HIGH = 8000, 5000


@cache
def large_png() -> bytes:
    """About 120 kB that decode to 120 MB: black, 24 bits a pixel."""
    return _png("RGB")


@cache
def dear_png() -> bytes:
    """As `large_png`, with alpha: of all kinds it takes a decoder longest, a second of a core."""
    return _png("RGBA")


@cache
def tiny_png() -> bytes:
    """About 5 kB that decode to 40 megapixels: black, one bit a pixel."""
    return _png("1")


def _png(mode: str) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (WIDE, HIGH)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@cache
def small_photo() -> bytes:
    [photo] = photos.make(1, width=200, wanted_bytes=10_000)
    return photo


def data_url(picture: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
