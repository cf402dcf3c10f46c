"""A small picture in each mode that a decoder may give, and each kind of transparency."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from tests.inference.runtime.conftest import smooth_noise
from tests.inference.runtime.images.gallery import as_file


def logo() -> Image.Image:
    """Black on nothing, as logos come."""
    image = Image.new("RGBA", (96, 72), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((20, 10, 70, 60), fill=(0, 0, 0, 255))
    return image


def ramp() -> Image.Image:
    return Image.fromarray(np.tile(np.arange(0, 96, dtype=np.uint8) * 2, (72, 1)))


def sixteen_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)


COLORS = smooth_noise(96, 72)
GRAY = COLORS.convert("L")
# Not dithered: such dots are resized to others.
HALVES = ramp().convert("1", dither=Image.Dither.NONE)
MODES: dict[str, Callable[[], bytes]] = {
    "RGB": lambda: as_file(COLORS, "PNG"),
    "L": lambda: as_file(GRAY, "PNG"),
    "1": lambda: as_file(HALVES, "PNG"),
    "P": lambda: as_file(COLORS.quantize(16), "PNG"),
    "RGBA": lambda: as_file(logo(), "PNG"),
    "LA": lambda: as_file(logo().convert("LA"), "PNG"),
    "I;16": lambda: as_file(sixteen_bits(ramp()), "PNG"),
    "P, alpha": lambda: as_file(COLORS.quantize(16), "PNG", transparency=bytes(range(0, 256, 16))),
    "P, key": lambda: as_file(COLORS.quantize(16), "PNG", transparency=3),
    "L, key": lambda: as_file(ramp(), "PNG", transparency=100),
    "RGB, key": lambda: as_file(ramp().convert("RGB"), "PNG", transparency=(100, 100, 100)),
    "1, key": lambda: as_file(HALVES, "PNG", transparency=0),
    "I;16, key": lambda: as_file(sixteen_bits(ramp()), "PNG", transparency=100 * 257),
    "CMYK": lambda: as_file(COLORS.convert("CMYK")),
    "WebP, alpha": lambda: as_file(logo(), "WEBP", lossless=True),
    "GIF, key": lambda: as_file(logo(), "GIF"),
}
