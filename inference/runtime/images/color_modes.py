"""Brings any mode that Pillow decodes to RGB."""

from collections.abc import Callable

import numpy as np
from PIL import Image

_BAND_ROWS = 256


def over_white(image: Image.Image) -> Image.Image:
    """RGB, blended over white band by band: it takes no more memory than the result."""
    if not image.has_transparency_data:
        return to_rgb(image)
    flat = Image.new("RGB", image.size)
    for top in range(0, image.height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, image.height)
        band = image.crop((0, top, image.width, bottom)).convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        flat.paste(to_rgb(Image.alpha_composite(white, band)), (0, top))
    return flat


def to_rgb(image: Image.Image) -> Image.Image:
    return _CONVERSIONS.get(image.mode, _plain_rgb)(image)


def _plain_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _palette_rgb(image: Image.Image) -> Image.Image:
    # Same colors as the direct way, which warns when the palette carries alpha.
    return image.convert("RGBA").convert("RGB")


def _sixteen_bit_rgb(image: Image.Image) -> Image.Image:
    # Keeps the upper byte: Pillow's own conversion clips at 255, so the references see white.
    levels = np.asarray(image)
    if image.mode == "I" and levels.max() <= 255:
        return image.convert("RGB")  # eight bits in a wide pixel
    upper = (levels.clip(0, 65535) >> 8).astype(np.uint8)
    return Image.fromarray(upper).convert("RGB")


_CONVERSIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "P": _palette_rgb,
    "PA": _palette_rgb,
    "I": _sixteen_bit_rgb,
    "I;16": _sixteen_bit_rgb,
    "I;16L": _sixteen_bit_rgb,
    "I;16B": _sixteen_bit_rgb,
    "I;16N": _sixteen_bit_rgb,
}
