"""Files that are too large, and how much memory the largest may take."""

import io
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from inference.runtime.images import decoding
from inference.runtime.images.preprocessing import Alpha, Method
from tests.inference.runtime.images.gallery import as_file

MEGABYTE = 1024 * 1024
SQUARE = """
import resource, sys
from inference.runtime.images import decoding
from inference.runtime.images.preprocessing import Alpha, Method, Preprocessing
import torch, numpy
path, method, alpha = sys.argv[1:]
way = Preprocessing(size=224, method=Method(method), alpha=Alpha(alpha))
way.crop(__import__("PIL.Image").Image.new("RGB", (500, 400)))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
with open(path, "rb") as file:
    with decoding.opened(file, formats=("JPEG", "PNG"), max_pixels=40_000_000) as image:
        assert way.crop(image).size == (224, 224)
print(peak() - before)
"""


def test_a_picture_larger_than_accepted_is_refused_before_it_is_decoded() -> None:
    header = as_file(Image.new("1", (8000, 5001)), "PNG")[:200]  # the pixels are not even there

    with (
        pytest.raises(decoding.TooManyPixels, match="8000 x 5001"),
        decoding.opened(io.BytesIO(header), formats=("PNG",), max_pixels=40_000_000),
    ):
        pytest.fail("was opened")


def test_a_format_that_is_not_accepted_is_not_opened() -> None:
    file = io.BytesIO(as_file(Image.new("RGB", (9, 9)), "BMP"))

    with (
        pytest.raises(UnidentifiedImageError),
        decoding.opened(file, formats=("PNG",), max_pixels=100),
    ):
        pytest.fail("was opened")


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


def test_the_gate_holds_back_what_does_not_fit_beside_the_others() -> None:
    gate = decoding.Gate(10)
    entered = threading.Event()

    def enter() -> None:
        with gate.through(5):
            entered.set()

    with gate.through(4), gate.through(6):
        waiter = threading.Thread(target=enter)
        waiter.start()
        assert not entered.wait(0.05)
    waiter.join(timeout=5)

    assert entered.is_set()


def test_the_gate_lets_through_what_is_too_large_alone() -> None:
    with decoding.Gate(10).through(11):
        pass


def test_the_gate_is_free_again_after_an_error() -> None:
    gate = decoding.Gate(10)

    with pytest.raises(OSError, match="damaged"), gate.through(8):
        raise OSError("damaged")

    with gate.through(8):
        pass
