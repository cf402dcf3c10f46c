"""Brings any mode that Pillow decodes to RGB."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

_BAND_ROWS = 256


def over_white(image: Image.Image) -> Image.Image:
    """RGB, blended over white band by band: it takes no more memory than the result."""
    if not image.has_transparency_data:
        return to_rgb(image)
    image = _with_eight_bits(image)
    flat = Image.new("RGB", image.size)
    for top in range(0, image.height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, image.height)
        band = image.crop((0, top, image.width, bottom)).convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        flat.paste(to_rgb(Image.alpha_composite(white, band)), (0, top))
    return flat


def without_alpha(image: Image.Image) -> Image.Image:
    """RGB of an image whose alpha is ignored once it was resized.

    Pillow resizes colors by their alpha: what cannot be seen is black then.
    """
    if image.mode in ("RGBA", "LA"):
        premultiplied = image.convert("RGBA").convert("RGBa")
        return premultiplied.convert("RGBA").convert("RGB")
    return to_rgb(image)


def to_rgb(image: Image.Image) -> Image.Image:
    return _CONVERSIONS.get(image.mode, _plain_rgb)(image)


def _plain_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _palette_rgb(image: Image.Image) -> Image.Image:
    # Same colors as the direct way, which warns when the palette carries alpha.
    return image.convert("RGBA").convert("RGB")


def _sixteen_bit_rgb(image: Image.Image) -> Image.Image:
    return _eight_bits(image).convert("RGB")


def _with_eight_bits(image: Image.Image) -> Image.Image:
    """The same with its transparency, where Pillow would clip at 255 on the way to RGBA."""
    if image.mode not in _SIXTEEN_BIT_MODES:
        return image
    gray = _eight_bits(image)
    # One level of gray is transparent, and is compared before it loses bits.
    is_opaque = np.asarray(image) != image.info["transparency"]
    gray.putalpha(Image.fromarray(np.where(is_opaque, np.uint8(255), np.uint8(0))))
    return gray


def _eight_bits(image: Image.Image) -> Image.Image:
    # Keeps the upper byte: Pillow's own conversion clips at 255, so the references see white.
    levels = np.asarray(image)
    if image.mode == "I" and levels.max() <= 255:
        return image.convert("L")  # eight bits in a wide pixel
    return Image.fromarray((levels.clip(0, 65535) >> 8).astype(np.uint8))


_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_CONVERSIONS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "P": _palette_rgb,
    "PA": _palette_rgb,
    **dict.fromkeys(_SIXTEEN_BIT_MODES, _sixteen_bit_rgb),
}
