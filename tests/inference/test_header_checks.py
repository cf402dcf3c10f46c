"""A picture of the API is judged by its header; its pixels are the worker's business."""

import pytest

from inference import images
from tests.conftest import photo_bytes


@pytest.mark.parametrize("kind", images.FORMATS)
def test_a_good_picture_passes_without_a_preview(kind: str) -> None:
    data = photo_bytes(40, 30, kind=kind)

    image = images.check(data)

    assert (image.width, image.height) == (40, 30)
    assert image.original == data
    assert image.preview == b""


def test_the_size_is_that_of_the_upright_picture() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"

    image = images.check(photo_bytes(40, 30, exif=exif))

    assert (image.width, image.height) == (30, 40)


def test_a_header_is_enough() -> None:
    whole = photo_bytes(400, 300, kind="PNG")

    assert images.check(whole[: len(whole) // 2]).width == 400


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"BM" + bytes(60),
        photo_bytes(402, 2),
        photo_bytes(17_000, 100, kind="PNG"),
        photo_bytes() + bytes(images.MAX_BYTES),
    ],
    ids=["empty", "text", "svg", "bmp", "narrow", "wide", "heavy"],
)
def test_what_the_limits_forbid_is_refused(data: bytes) -> None:
    with pytest.raises(images.InvalidImage):
        images.check(data)


def test_a_damaged_exif_leaves_a_picture_as_it_lies() -> None:
    exif = b"Exif\0\0MM\0*\xff\xff\xff\xff"

    assert images.check(photo_bytes(40, 30, exif=exif)).width == 40
