"""Turns an image the way its EXIF orientation says it should be viewed."""

import struct

from PIL import Image

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_SIDEWAYS = 5
_PREFIX = b"Exif\0\0"
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION_TAG = 0x0112
_ENTRY_BYTES = 12
_MAX_ENTRIES = 256  # a camera writes about twenty
_SHORT, _LONG = 3, 4


def turned(image: Image.Image, orientation: int) -> Image.Image:
    transposition = _TRANSPOSITIONS.get(orientation)
    return image if transposition is None else image.transpose(transposition)


def is_sideways(orientation: int) -> bool:
    """Whether width and height swap."""
    return orientation >= _FIRST_SIDEWAYS


def orientation_of(image: Image.Image) -> int:
    """EXIF's number from 1 to 8; 1 where there is none. Decodes nothing."""
    # Not Pillow's `getexif`: it decodes a PNG to look behind the pixels, and copies what a block
    # of a few kilobytes claims to be gigabytes.
    exif = image.info.get("exif")
    return orientation_in(exif) if isinstance(exif, bytes) else 1


def orientation_in(exif: bytes) -> int:
    """The same of an EXIF block, with or without its prefix; 1 for what is none or damaged."""
    tiff = exif.removeprefix(_PREFIX)
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return 1
    try:
        [start] = struct.unpack_from(f"{order}I", tiff, 4)
        [count] = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(min(count, _MAX_ENTRIES)):
            entry = start + 2 + index * _ENTRY_BYTES
            tag, kind, length = struct.unpack_from(f"{order}HHI", tiff, entry)
            if tag == _ORIENTATION_TAG:
                return _value(tiff, entry + 8, order, kind) if length == 1 else 1
    except struct.error:  # it points outside the block
        pass
    return 1


def _value(tiff: bytes, at: int, order: str, kind: int) -> int:
    formats = {_SHORT: "H", _LONG: "I"}
    if kind not in formats:
        return 1
    [value] = struct.unpack_from(order + formats[kind], tiff, at)
    return int(value) if value in _TRANSPOSITIONS else 1
