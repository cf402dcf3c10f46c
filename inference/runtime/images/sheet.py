"""Small copies of several images in one JPEG, a grid: the pages of jobs show it cell by cell."""

import io
from collections.abc import Sequence

from PIL import Image

CELL_SIDE = 240
COLUMNS = 5
BACKGROUND = (255, 255, 255)
QUALITY = 82


def cell_of(index: int) -> tuple[int, int]:
    """Left and top of an image, in pixels.

    >>> cell_of(0), cell_of(6)
    ((0, 0), (240, 240))
    """
    row, column = divmod(index, COLUMNS)
    return column * CELL_SIDE, row * CELL_SIDE


def size_of(count: int) -> tuple[int, int]:
    """Width and height of the sheet of so many images, in pixels.

    >>> size_of(2), size_of(6)
    ((480, 240), (1200, 480))
    """
    columns, rows = min(count, COLUMNS), -(-count // COLUMNS)
    return columns * CELL_SIDE, rows * CELL_SIDE


def fitted(width: int, height: int) -> tuple[int, int]:
    """The size in its cell of an image of this size: Pillow's `thumbnail` makes the same.

    >>> fitted(480, 320), fitted(100, 50), fitted(10_000, 50)
    ((240, 160), (100, 50), (240, 1))
    """
    scale = min(CELL_SIDE / max(width, height), 1)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def join(copies: Sequence[bytes]) -> bytes:
    """JPEGs, no side longer than a cell's, in order -> one JPEG; one by itself as it is."""
    if len(copies) < 2:
        return copies[0] if copies else b""
    sheet = Image.new("RGB", size_of(len(copies)), BACKGROUND)
    for index, copy in enumerate(copies):
        with Image.open(io.BytesIO(copy)) as image:
            sheet.paste(image, cell_of(index))
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
