"""Several images in one file: their number, their lengths, then their bytes, little-endian.

A file that is still being written does not add up, so that nobody takes half of it.
"""

import struct
from collections.abc import Sequence
from io import BytesIO

COUNT = struct.Struct("<I")
LENGTH = struct.Struct("<Q")


def pack(images: Sequence[bytes]) -> bytes:
    lengths = [LENGTH.pack(len(image)) for image in images]
    return b"".join([COUNT.pack(len(images)), *lengths, *images])


def unpack(bundle: bytes) -> list[bytes] | None:
    """The images, in order; None: it is not all there.

    >>> unpack(pack([b"cat", b"dog"])), unpack(pack([b"cat"])[:-1]), unpack(pack([]))
    ([b'cat', b'dog'], None, [])
    """
    if len(bundle) < COUNT.size:
        return None
    [count] = COUNT.unpack_from(bundle)
    start = COUNT.size + count * LENGTH.size
    if len(bundle) < start:
        return None
    lengths = [length for [length] in LENGTH.iter_unpack(bundle[COUNT.size : start])]
    if len(bundle) != start + sum(lengths):
        return None
    content = BytesIO(bundle[start:])
    return [content.read(length) for length in lengths]
