"""What becomes of a file: the square that the model sees, and a small copy in the same colors."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.runtime.images import headers, png
from inference.runtime.images.decoding import Damaged, Decoded, Task, decode
from inference.runtime.images.orientation import orientation_in, orientation_of
from inference.runtime.images.preprocessing import Alpha, Method, Preprocessing
from tests.inference.runtime.conftest import smooth_noise
from tests.inference.runtime.images import gallery
from tests.inference.runtime.images.gallery import as_file
from tests.inference.runtime.images.hostile import chunk, png_header, with_chunk
from tests.inference.runtime.images.modes import COLORS, MODES, ramp

WHITE = Preprocessing(size=64)
DROP = Preprocessing(size=64, alpha=Alpha.DROP)
MEGABYTE = 1024 * 1024


def decoded(data: bytes, preprocessing: Preprocessing = WHITE, *, preview_side: int = 0) -> Decoded:
    size = headers.read(data).upright_size
    task = Task(data=data, size=size, preprocessing=preprocessing, preview_side=preview_side)
    return decode(task)


def preview(data: bytes, preprocessing: Preprocessing = WHITE) -> Image.Image:
    return Image.open(io.BytesIO(decoded(data, preprocessing, preview_side=960).preview))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=np.int16)


# --- each mode ---


@pytest.mark.parametrize("preprocessing", [WHITE, DROP], ids=["white", "drop"])
@pytest.mark.parametrize("name", MODES)
def test_the_preview_shows_what_the_model_sees(name: str, preprocessing: Preprocessing) -> None:
    """Within what a JPEG, and a resampling that differs, leave of it."""
    result = decoded(MODES[name](), preprocessing, preview_side=960)

    shown = Image.open(io.BytesIO(result.preview))
    again = preprocessing.crop(shown)
    assert (shown.format, shown.mode, shown.size) == ("JPEG", "RGB", (96, 72))
    assert np.abs(pixels(again) - pixels(result.crop)).mean() < 12
    assert abs(pixels(again).mean() - pixels(result.crop).mean()) < 4


def test_a_black_logo_on_nothing_is_seen_on_white() -> None:
    shown = preview(MODES["RGBA"]())

    seen = pixels(shown)
    assert seen[2, 2].min() > 250
    assert seen[35, 45].max() < 5


def test_a_model_that_drops_alpha_is_shown_black() -> None:
    """White behind an alpha of 0 is black once it was resized, to the model and to the page."""
    invisible = Image.new("RGBA", (96, 72), (255, 255, 255, 0))

    result = decoded(as_file(invisible, "PNG"), DROP, preview_side=960)

    assert max(pixels(result.crop).flat) == 0
    assert pixels(Image.open(io.BytesIO(result.preview))).max() < 5


@pytest.mark.parametrize("preprocessing", [WHITE, DROP], ids=["white", "drop"])
def test_sixteen_bits_are_scored_as_eight(preprocessing: Preprocessing) -> None:
    sixteen = decoded(MODES["I;16"](), preprocessing, preview_side=960)
    eight = decoded(as_file(ramp(), "PNG"), preprocessing, preview_side=960)

    np.testing.assert_allclose(pixels(sixteen.crop), pixels(eight.crop), atol=1)
    assert sixteen.preview == eight.preview


def test_a_key_of_sixteen_bits_is_transparent() -> None:
    keyed, plain = (pixels(decoded(MODES[name]()).crop) for name in ("I;16, key", "L, key"))

    np.testing.assert_allclose(keyed, plain, atol=1)


# --- what is kept of it ---


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    marks: dict[str, object] = {"exif": exif, "comment": b"by Alice", "icc_profile": b"a profile"}
    data = as_file(smooth_noise(90, 60), "JPEG", **marks, dpi=(301, 301), xmp=b"<x>where</x>")

    kept = decoded(data, preview_side=960).preview

    shown = Image.open(io.BytesIO(kept))
    shown.load()
    assert set(shown.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert shown.info["jfif_density"] == (1, 1)
    for mark in (b"home", b"Alice", b"profile", b"where"):
        assert mark in data
        assert mark not in kept


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_comments_of_other_formats_are_not_kept(kind: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Author", "Alice")
    exif = Image.Exif()
    exif[0x013B] = "Alice"
    options: dict[str, dict[str, Any]] = {
        "PNG": {"pnginfo": text},
        "WEBP": {"exif": exif},
        "GIF": {"comment": b"Alice"},
    }
    data = as_file(COLORS, kind, **options[kind])

    assert b"Alice" in data
    assert b"Alice" not in decoded(data, preview_side=960).preview


def test_the_preview_is_upright_and_small() -> None:
    shown = preview(gallery.turned(6))

    assert shown.size == (668, 960)


# --- large chunks ---


def _itxt(text: bytes) -> bytes:
    return b"Comment\0\x01\0\0\0" + zlib.compress(text)


LARGE = bytes(3 * MEGABYTE)
LARGE_CHUNKS = {
    b"iCCP": b"profile\0\0" + zlib.compress(LARGE),
    b"zTXt": b"Comment\0\0" + zlib.compress(LARGE),
    b"iTXt": _itxt(LARGE),
    b"tEXt": b"Comment\0" + LARGE,
}


@pytest.mark.parametrize("kind", LARGE_CHUNKS)
def test_a_large_chunk_changes_nothing(kind: bytes) -> None:
    plain = MODES["RGB"]()

    seen = decoded(with_chunk(plain, kind, LARGE_CHUNKS[kind]), preview_side=960)

    assert pixels(seen.crop).tolist() == pixels(decoded(plain).crop).tolist()


@pytest.mark.parametrize("kind", LARGE_CHUNKS)
def test_a_large_chunk_behind_the_pixels_changes_nothing(kind: bytes) -> None:
    plain = MODES["RGB"]()
    end = plain.index(b"IEND") - 4

    seen = decoded(plain[:end] + chunk(kind, LARGE_CHUNKS[kind]) + plain[end:])

    assert pixels(seen.crop).tolist() == pixels(decoded(plain).crop).tolist()


def test_a_damaged_chunk_is_not_passed_over() -> None:
    data = bytearray(with_chunk(MODES["RGB"](), b"tEXt", b"Comment\0words"))
    data[data.index(b"words")] ^= 1

    with pytest.raises(Damaged):
        decoded(bytes(data))


# --- damage ---

FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: as_file(COLORS, quality=90),
    "jpeg, progressive": lambda: as_file(COLORS, progressive=True),
    "jpeg, exif": lambda: as_file(COLORS, exif=_sideways()),
    "png": MODES["RGB"],
    "png, palette": MODES["P, alpha"],
    "png, exif": lambda: as_file(COLORS, "PNG", exif=_sideways()),
    "png, text": lambda: with_chunk(MODES["RGB"](), b"zTXt", b"a\0\0" + zlib.compress(b"b" * 99)),
    "webp": lambda: as_file(COLORS, "WEBP"),
    "webp, lossless": lambda: as_file(COLORS, "WEBP", lossless=True),
    "gif": lambda: as_file(COLORS, "GIF"),
    "gif, animated": gallery.animation,
}


def _sideways() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _is_refused(data: bytes) -> bool:
    """By the decoder itself, asked for pixels and for nothing else."""
    try:
        with Image.open(io.BytesIO(data), formats=headers.FORMATS) as image:
            image.load()
    except Exception:  # noqa: BLE001  decoders raise whatever they like
        return True
    return False


@pytest.mark.filterwarnings("ignore")  # Pillow says what it found, and is right
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", FILES)
def test_nothing_is_scored_that_the_decoder_refuses(name: str, seed: int) -> None:
    data = bytearray(FILES[name]())
    random = np.random.default_rng(seed)
    match seed % 3:
        case 0:  # a few bytes are wrong
            for index in random.integers(2, len(data), 1 + seed // 3):
                data[index] = random.integers(0, 256)
        case 1:  # the end is missing
            del data[random.integers(8, len(data)) :]
        case 2:  # a piece is missing
            start = random.integers(8, len(data))
            del data[start : start + random.integers(1, 200)]
    damaged = bytes(data)

    try:
        result = decoded(damaged, preview_side=960)
    except (Damaged, headers.UnreadableHeader):
        return

    assert not _is_refused(damaged)
    with Image.open(io.BytesIO(damaged)) as image:
        image.load()
        image.info.pop("exif", None)
        upright = {(96, 72): 1, (72, 96): 6, (320, 240): 1}[headers.read(damaged).upright_size]
        assert result.crop.tobytes() == WHITE.crop(image, orientation=upright).tobytes()


def test_a_damaged_file_stays_refused_once_its_exif_was_read() -> None:
    whole = as_file(smooth_noise(400, 300), "PNG", exif=_sideways())
    with Image.open(io.BytesIO(whole[: len(whole) // 2])) as image:
        assert orientation_of(image) == 6

        with pytest.raises(OSError, match="truncated"):
            WHITE.crop(image)


@pytest.mark.parametrize("size", [(40, 31), (31, 40), (8000, 5000)])
def test_what_was_not_admitted_is_not_decoded(size: tuple[int, int]) -> None:
    task = Task(data=as_file(Image.new("RGB", (40, 30)), "PNG"), size=size, preprocessing=WHITE)

    with pytest.raises(Damaged, match="admitted"):
        decode(task)


def test_a_file_whose_pixels_are_not_its_headers_is_refused() -> None:
    """A second header, which Pillow would believe: 40 megapixels behind a promise of 1,200."""
    second = png_header(8000, 5000)[len(png.SIGNATURE) :]
    data = png_header(40, 30) + second + chunk(b"IDAT", zlib.compress(bytes(99)))

    with pytest.raises(Damaged):
        decoded(data)


# --- orientation ---


@pytest.mark.parametrize("name", gallery.GALLERY)
def test_headers_say_what_pillow_says(name: str) -> None:
    data = gallery.file(name)

    header = headers.read(data)

    with Image.open(io.BytesIO(data)) as image:
        assert (header.format, header.width, header.height) == (image.format, *image.size)
        assert header.orientation == image.getexif().get(0x0112, 1)


def _exif(kind: int, count: int, value: bytes, order: str = ">") -> bytes:
    start = b"MM\0*" if order == ">" else b"II*\0"
    entry = struct.pack(f"{order}HHI", 0x0112, kind, count) + value
    return start + struct.pack(f"{order}IH", 8, 1) + entry


@pytest.mark.parametrize(
    ("exif", "orientation"),
    [
        (_exif(3, 1, b"\0\x06\0\0"), 6),
        (_exif(3, 1, b"\x06\0\0\0", "<"), 6),
        (_exif(4, 1, b"\0\0\0\x08"), 8),
        (b"Exif\0\0" + _exif(3, 1, b"\0\x03\0\0"), 3),
        (_exif(3, 1, b"\0\x63\0\0"), 1),
        (_exif(3, 2, b"\0\x06\0\x06"), 1),
        (_exif(2, 1, b"6\0\0\0"), 1),
        (_exif(3, 1, b""), 1),
        (b"MM\0*\xff\xff\xff\xff", 1),
        (b"", 1),
    ],
)
def test_an_orientation_of_a_wrong_kind_is_none(exif: bytes, orientation: int) -> None:
    assert orientation_in(exif) == orientation


# --- memory ---

SQUARE = """
import resource, sys
from inference.runtime.images import headers
from inference.runtime.images.decoding import Task, decode
from inference.runtime.images.preprocessing import Alpha, Method, Preprocessing
import torch, numpy
path, method, alpha = sys.argv[1:]
way = Preprocessing(size=224, method=Method(method), alpha=Alpha(alpha))
way.crop(__import__("PIL.Image").Image.new("RGB", (500, 400)))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
with open(path, "rb") as file:
    data = file.read()
before = peak()
size = headers.read(data).upright_size
assert decode(Task(data=data, size=size, preprocessing=way)).crop.size == (224, 224)
print(peak() - before)
"""


@pytest.fixture(scope="module")
def largest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """40 megapixels in each format and mode that takes much memory."""
    folder = tmp_path_factory.mktemp("largest")
    tile = Image.linear_gradient("L").resize((8000, 5000))
    tile.convert("RGB").save(folder / "photo.jpg")
    tile.convert("RGB").save(folder / "photo.png", compress_level=1)
    tile.convert("LA").convert("RGBA").save(folder / "alpha.png", compress_level=1)
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted differently")
@pytest.mark.parametrize(
    ("name", "method", "most_mb"),
    [
        ("photo.jpg", Method.FAST, 60),
        ("photo.png", Method.FAST, 260),
        ("alpha.png", Method.FAST, 460),
        ("photo.jpg", Method.EXACT, 260),
        ("alpha.png", Method.EXACT, 460),
    ],
)
def test_forty_megapixels_take_bounded_memory(
    largest: dict[str, Path], name: str, method: Method, most_mb: int
) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", SQUARE, largest[name], method, Alpha.WHITE],
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(finished.stdout) < most_mb * MEGABYTE


def test_a_format_that_is_not_accepted_is_not_opened() -> None:
    task = Task(data=as_file(COLORS, "BMP"), size=(96, 72), preprocessing=WHITE)

    with pytest.raises(Damaged, match="no JPEG, PNG, WebP or GIF"):
        decode(task)


def test_a_picture_of_the_square_itself_is_not_taken_for_a_crop() -> None:
    data = as_file(smooth_noise(64, 64), "PNG")

    edge = replace(WHITE, shortest_edge=80)

    assert decoded(data, edge).crop.tobytes() != decoded(data).crop.tobytes()
