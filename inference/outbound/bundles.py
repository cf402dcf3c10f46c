"""Several pictures in one file: their number, their lengths, then their bytes, little-endian.

A file that is still being written does not add up, so that nobody takes half of it.
"""

import struct
from collections.abc import Sequence

COUNT = struct.Struct("<I")
LENGTH = struct.Struct("<Q")


def pack(pictures: Sequence[bytes]) -> bytes:
    lengths = [LENGTH.pack(len(each)) for each in pictures]
    return b"".join([COUNT.pack(len(pictures)), *lengths, *pictures])


def unpack(parcel: bytes) -> list[bytes] | None:
    """The pictures, in order; None: it is not all there.

    >>> unpack(pack([b"cat", b"dog"])), unpack(pack([b"cat"])[:-1]), unpack(pack([]))
    ([b'cat', b'dog'], None, [])
    """
    if len(parcel) < COUNT.size:
        return None
    [count] = COUNT.unpack_from(parcel)
    start = COUNT.size + count * LENGTH.size
    if len(parcel) < start:
        return None
    lengths = [each for [each] in LENGTH.iter_unpack(parcel[COUNT.size : start])]
    if len(parcel) != start + sum(lengths):
        return None
    pictures = []
    for length in lengths:
        pictures.append(parcel[start : start + length])
        start += length
    return pictures
