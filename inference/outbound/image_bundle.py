"""What became of several URLs, in one file: the images, or which URL was refused.

Little-endian: the number of images, the refused URL's index or -1, the images' lengths, their
bytes. A file that is still being written does not add up, so that nobody takes half of it.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

HEAD = struct.Struct("<Ii")
LENGTH = struct.Struct("<Q")
NONE_REFUSED = -1


@dataclass(frozen=True)
class Bundle:
    """`refused`: the index of a URL that was refused; there are no images then."""

    images: Sequence[bytes] = ()
    refused: int | None = None


def pack(bundle: Bundle) -> bytes:
    lengths = [LENGTH.pack(len(image)) for image in bundle.images]
    refused = NONE_REFUSED if bundle.refused is None else bundle.refused
    return b"".join([HEAD.pack(len(lengths), refused), *lengths, *bundle.images])


def unpack(content: bytes) -> Bundle | None:
    """None: it is not all there.

    >>> unpack(pack(Bundle([b"cat", b"dog"])))
    Bundle(images=[b'cat', b'dog'], refused=None)
    >>> unpack(pack(Bundle([b"cat"]))[:-1])
    >>> unpack(pack(Bundle(refused=2)))
    Bundle(images=[], refused=2)
    """
    if len(content) < HEAD.size:
        return None
    count, refused = HEAD.unpack_from(content)
    start = HEAD.size + count * LENGTH.size
    if len(content) < start:
        return None
    lengths = [length for [length] in LENGTH.iter_unpack(content[HEAD.size : start])]
    if len(content) != start + sum(lengths):
        return None
    images = BytesIO(content[start:])
    return Bundle(
        [images.read(length) for length in lengths],
        None if refused == NONE_REFUSED else refused,
    )
