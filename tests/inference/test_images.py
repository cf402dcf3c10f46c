"""What a stranger's picture must be, and what becomes of it."""

import io
import zlib
from contextlib import suppress

import pytest
from PIL import Image

from inference import images
from inference.runtime.images.orientation import upright
from tests.conftest import photo_bytes


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_common_formats_are_accepted(kind: str) -> None:
    image = images.check_and_preview(photo_bytes(80, 40, kind=kind))

    assert (image.width, image.height) == (80, 40)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I;16", "1", "LA"])
def test_every_png_mode_gets_an_rgb_preview(mode: str) -> None:
    image = images.check_and_preview(photo_bytes(kind="PNG", mode=mode))

    assert Image.open(io.BytesIO(image.preview)).mode == "RGB"


def test_cmyk_gets_an_rgb_preview() -> None:
    image = images.check_and_preview(photo_bytes(mode="CMYK"))

    assert Image.open(io.BytesIO(image.preview)).mode == "RGB"


def test_exif_orientation_turns_the_preview_and_the_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    image = images.check_and_preview(photo_bytes(80, 40, exif=exif))

    assert (image.width, image.height) == (40, 80)
    assert Image.open(io.BytesIO(image.preview)).size == (40, 80)


def test_the_preview_carries_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"

    image = images.check_and_preview(photo_bytes(exif=exif))

    assert b"taken at home" in image.original
    assert b"taken at home" not in image.preview
    assert not Image.open(io.BytesIO(image.preview)).getexif()


def test_a_large_picture_gets_a_small_preview_and_keeps_its_size() -> None:
    image = images.check_and_preview(photo_bytes(3000, 1500))

    assert (image.width, image.height) == (3000, 1500)
    assert max(Image.open(io.BytesIO(image.preview)).size) == images.PREVIEW_SIDE


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"not a picture", "not a picture we can read"),
        (b"", "not a picture we can read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture we can read"),
        (photo_bytes(kind="TIFF"), "not a picture we can read"),
        (photo_bytes(400, 400)[:2000], "damaged"),
        (photo_bytes(400, 400, kind="PNG")[:1000], "damaged"),
        (photo_bytes(1, 201, kind="PNG"), "too narrow"),
        (b"\xff\xd8" + b"\0" * images.MAX_BYTES, "larger than 10 MB"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(images.InvalidImage, match=sentence):
        images.check_and_preview(data)


IDAT = (16).to_bytes(4, "big") + b"IDAT"


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size without having the pixels."""
    chunk = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    crc = zlib.crc32(chunk).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + chunk + crc + IDAT


@pytest.mark.parametrize(("width", "height"), [(6325, 6325), (16_385, 200), (60_000, 60_000)])
def test_a_bomb_is_refused_from_its_header(width: int, height: int) -> None:
    with pytest.raises(images.InvalidImage, match="too many pixels"):
        images.check_and_preview(_png_header(width, height))


@pytest.mark.filterwarnings("ignore")  # Pillow says what it found, and is right
@pytest.mark.parametrize("noise", range(40))
def test_broken_exif_ends_in_a_picture_or_a_sentence(noise: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x9286] = b"a comment"
    data = bytearray(photo_bytes(64, 48, exif=exif))
    start = data.index(b"Exif")
    for index in range(10 + noise, 60, 7):
        data[start + index] = (data[start + index] * 31 + noise) % 256

    with suppress(images.InvalidImage):  # any other error fails the test
        assert images.check_and_preview(bytes(data)).preview


@pytest.mark.parametrize("value", ["six", b"\x06", (6, 6), 99, -1, 0.5])
def test_an_orientation_of_a_wrong_kind_is_none(value: object) -> None:
    image = Image.new("RGB", (8, 4))
    image.getexif()[0x0112] = value

    assert upright(image).size == (8, 4)
