"""Forty pictures as files, as varied as what people send."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tests.inference.runtime.conftest import smooth_noise

SAMPLES = Path(__file__).parents[4] / "static" / "samples"
ORIENTATION = 0x0112
# The references turn 16-bit grey white, so that there is nothing to compare with.
SIXTEEN_BIT = "16-bit grey png"


def as_file(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def photo(name: str, width: int, height: int) -> Image.Image:
    """A sample at another size, with grain: what was enlarged has nothing fine of its own."""
    with Image.open(SAMPLES / f"{name}.jpg") as image:
        pixels = np.asarray(image.convert("RGB").resize((width, height)), dtype=np.float32)
    grain = np.random.default_rng(width).normal(0, 5, (height, width, 1))
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def text() -> Image.Image:
    image = Image.new("RGB", (1400, 1000), "white")
    draw = ImageDraw.Draw(image)
    for top in range(0, 1000, 30):
        draw.text((10, top), "Zero-shot models read this, too. 0123456789 " * 2, "black", None)
    draw.text((200, 300), "SALE", fill="red", font_size=300)
    return image


def checkers(cell: int) -> Image.Image:
    """The finest pattern there is, at little more than six times the square."""
    cells = np.indices((1400, 1500)) // cell
    return Image.fromarray(((cells.sum(axis=0) % 2) * 255).astype(np.uint8)).convert("RGB")


def gradient() -> Image.Image:
    return Image.linear_gradient("L").resize((1200, 900)).convert("RGB")


def noise() -> Image.Image:
    pixels = np.random.default_rng(3).integers(0, 256, (1350, 1500, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def translucent(width: int, height: int) -> Image.Image:
    image = photo("cat", width, height).convert("RGBA")
    image.putalpha(Image.radial_gradient("L").resize(image.size))
    return image


def animation() -> bytes:
    frames = [photo(name, 320, 240).quantize(64) for name in ("cat", "coffee")]
    return as_file(frames[0], "GIF", save_all=True, append_images=frames[1:])


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return as_file(photo("coffee", 1361, 947), quality=88, exif=exif)


def palette_with_alpha() -> bytes:
    image = photo("rocket", 640, 427).quantize(32)
    return as_file(image, "PNG", transparency=bytes(range(0, 256, 8)))


def sixteen_bit() -> bytes:
    ramp = np.linspace(0, 65535, 640 * 480).astype(np.uint16).reshape(480, 640)
    return as_file(Image.fromarray(ramp), "PNG")


_SIZES = [(1000, 750), (640, 480), (2000, 1500), (600, 900), (899, 901), (1793, 1011), (231, 224)]
_NAMES = ("cat", "coffee", "rocket")
GALLERY: dict[str, Callable[[], bytes]] = {
    f"{name} {width}x{height}": lambda name=name, width=width, height=height: as_file(
        photo(name, width, height), quality=85
    )
    for name, (width, height) in zip(_NAMES * 3, _SIZES, strict=False)
} | {
    "sample cat": (SAMPLES / "cat.jpg").read_bytes,
    "sample coffee": (SAMPLES / "coffee.jpg").read_bytes,
    "sample rocket": (SAMPLES / "rocket.jpg").read_bytes,
    "twelve megapixels": lambda: as_file(photo("cat", 4000, 3000), quality=85),
    "poor jpeg": lambda: as_file(photo("coffee", 1600, 1200), quality=20),
    "full colour jpeg": lambda: as_file(photo("rocket", 1600, 1200), quality=97, subsampling=0),
    "progressive jpeg": lambda: as_file(photo("cat", 1500, 1000), progressive=True),
    "grey jpeg": lambda: as_file(photo("coffee", 1280, 960).convert("L")),
    "cmyk jpeg": lambda: as_file(photo("rocket", 1280, 960).convert("CMYK")),
    "panorama": lambda: as_file(photo("rocket", 4800, 1200)),
    "very long": lambda: as_file(photo("coffee", 9000, 460)),
    "very high": lambda: as_file(photo("cat", 61, 1200)),
    "tiny": lambda: as_file(photo("cat", 31, 23)),
    "text": lambda: as_file(text()),
    "text png": lambda: as_file(text(), "PNG"),
    "gradient": lambda: as_file(gradient()),
    "one colour": lambda: as_file(Image.new("RGB", (1000, 1000), "teal")),
    "noise": lambda: as_file(noise(), quality=90),
    "smooth noise": lambda: as_file(smooth_noise(1300, 1100)),
    "checkers of 4": lambda: as_file(checkers(4)),
    "checkers of 9": lambda: as_file(checkers(9)),
    "on its side": lambda: turned(6),
    "on its other side": lambda: turned(8),
    "upside down": lambda: turned(3),
    "mirrored": lambda: turned(5),
    "png": lambda: as_file(photo("cat", 801, 600), "PNG"),
    "alpha png": lambda: as_file(translucent(900, 640), "PNG"),
    "grey alpha png": lambda: as_file(translucent(500, 400).convert("LA"), "PNG"),
    "alpha webp": lambda: as_file(translucent(700, 500), "WEBP", quality=90),
    "webp": lambda: as_file(photo("coffee", 1200, 800), "WEBP", quality=80),
    "palette png": lambda: as_file(photo("cat", 640, 480).quantize(128), "PNG"),
    "palette with alpha png": palette_with_alpha,
    "black and white png": lambda: as_file(text().convert("1"), "PNG"),
    "animation": animation,
    SIXTEEN_BIT: sixteen_bit,
}


@cache
def file(name: str) -> bytes:
    return GALLERY[name]()


def opened(name: str) -> Image.Image:
    """Anew each time: nothing decoded yet."""
    return Image.open(io.BytesIO(file(name)))
