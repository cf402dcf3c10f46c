"""What a stranger's picture must be, judged by its header: its pixels are the worker's business."""

import struct

import pytest

from inference import images
from inference.runtime.images import headers
from tests.conftest import photo_bytes
from tests.inference.runtime.images.hostile import HOSTILE, png_header


@pytest.mark.parametrize("kind", images.FORMATS)
def test_a_good_picture_passes(kind: str) -> None:
    data = photo_bytes(40, 30, kind=kind)

    image = images.check(data)

    assert (image.width, image.height, image.pixels) == (40, 30, 1200)
    assert image.original == data


def test_the_size_is_that_of_the_upright_picture() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"

    image = images.check(photo_bytes(40, 30, exif=exif))

    assert (image.width, image.height) == (30, 40)


def test_a_header_is_enough() -> None:
    whole = photo_bytes(400, 300, kind="PNG")

    assert images.check(whole[: len(whole) // 2]).width == 400


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"not a picture", "not a picture we can read"),
        (b"", "not a picture we can read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture we can read"),
        (b"BM" + bytes(60), "not a picture we can read"),
        (photo_bytes(kind="TIFF"), "not a picture we can read"),
        (photo_bytes(1, 201, kind="PNG"), "too narrow"),
        (photo_bytes(402, 2), "too narrow"),
        (photo_bytes(17_000, 100, kind="PNG"), "too many pixels"),
        (png_header(6325, 6325), "too many pixels"),
        (png_header(16_385, 200), "too many pixels"),
        (png_header(60_000, 60_000), "too many pixels"),
        (png_header(0, 10), "not a picture we can read"),
        (b"\xff\xd8" + b"\0" * images.MAX_BYTES, "larger than 10 MB"),
    ],
)
def test_what_the_limits_forbid_is_refused_in_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(images.InvalidImage, match=sentence):
        images.check(data)


def test_a_damaged_exif_leaves_a_picture_as_it_lies() -> None:
    exif = b"Exif\0\0MM\0*\xff\xff\xff\xff"

    assert images.check(photo_bytes(40, 30, exif=exif)).width == 40


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_made_of_tiny_parts_is_not_read_to_its_end(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten megabytes of them would keep a reader busy for seconds: a few kilobytes must do."""
    data = HOSTILE[name]()

    def outcome(part: bytes) -> object:
        try:
            return headers.read(part)
        except headers.UnreadableHeader as error:
            return str(error)

    assert outcome(data) == outcome(data[: len(data) // 8])


def test_a_picture_that_is_printed_shows_none_of_its_bytes() -> None:
    image = images.check(photo_bytes(40, 30))

    assert repr(image) == "ImageFile(width=40, height=30)"


def test_a_gif_is_as_large_as_its_first_frame() -> None:
    """What it says of its screen costs nothing: a frame of 40 megapixels may hide behind 1x1."""
    small = bytearray(photo_bytes(40, 30, kind="GIF"))
    struct.pack_into("<HH", small, 6, 1, 1)

    image = images.check(bytes(small))

    assert (image.width, image.height) == (40, 30)
