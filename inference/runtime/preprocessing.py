"""Makes of any picture the square of pixels that an image tower was trained on.

The steps and roundings are those of the reference processors (transformers' CLIPImageProcessor on
Pillow, open_clip's `preprocess_val`), so that published scores hold here; the tests compare. Two
things are done otherwise: a very long picture is resized and cropped in one step, as 1x5000 would
become 224x1,120,000 first, and 16-bit grey keeps its shades, which the references turn white.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

# Beyond this many times the square's side, the whole resized picture is never made.
_LONGEST_RESIZED = 8

Box = tuple[float, float, float, float]
Triple = tuple[float, float, float]

# https://github.com/openai/CLIP/blob/main/clip/clip.py, `_transform`
OPENAI_MEAN: Triple = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD: Triple = (0.26862954, 0.26130258, 0.27577711)


class CropRounding(StrEnum):
    """Where a centre crop starts when the pixels to drop are an odd number."""

    FLOOR = "floor"
    """transformers"""
    HALF_EVEN = "half_even"
    """torchvision, and so open_clip: Python's `round`"""

    def start(self, excess: int) -> int:
        return excess // 2 if self is CropRounding.FLOOR else round(excess / 2)


class Alpha(StrEnum):
    """What becomes of transparency, and when the colours are converted to RGB."""

    WHITE = "white"
    """Blended over white, before resizing (transformers)."""
    DROP = "drop"
    """Resized in the picture's own mode, then ignored (open_clip, OpenAI's original)."""


class Fit(StrEnum):
    """How a picture that is not square becomes one."""

    CROP = "crop"
    """Keep the shape, cut the middle."""
    SQUASH = "squash"
    """Keep everything, lose the shape (SigLIP)."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Everything that decides which numbers a tower sees.

    `size` is the side of the square in pixels. `shortest_edge` is the length that the picture's
    shorter side is resized to before cropping; None means `size`.
    """

    size: int
    mean: Triple = OPENAI_MEAN
    std: Triple = OPENAI_STD
    interpolation: str = "bicubic"
    fit: Fit = Fit.CROP
    shortest_edge: int | None = None
    crop_rounding: CropRounding = CropRounding.FLOOR
    alpha: Alpha = Alpha.WHITE

    def __post_init__(self) -> None:
        if self.shortest_edge is not None and self.shortest_edge < self.size:
            raise ValueError(
                f"shortest_edge {self.shortest_edge} is below the crop's size {self.size}"
            )
        if self.interpolation.upper() not in Image.Resampling.__members__:
            raise ValueError(f"unknown interpolation {self.interpolation!r}")

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits that change with any parameter: a key for caches."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    def crop_box(self, width: int, height: int) -> Box:
        """What the model sees: (left, top, right, bottom) in pixels of the upright picture.

        Fractions are meant: the edges of the resized square seldom fall between two pixels.
        """
        resized_width, resized_height = self._resized_size(width, height)
        left, right = self._span(width, resized=resized_width)
        top, bottom = self._span(height, resized=resized_height)
        return (left, top, right, bottom)

    def crop(self, image: Image.Image) -> Image.Image:
        """RGB [size, size] uint8. What is cropped already comes back as it is."""
        picture = _upright(image)
        if self.alpha is Alpha.WHITE:
            picture = _over_white(picture)
        return _to_rgb(self._resize_and_crop(picture))

    def to_array(self, image: Image.Image) -> NDArray[np.float32]:
        """float32 [3, size, size]: (pixel / 255 - mean) / std."""
        pixels = np.asarray(self.crop(image), dtype=np.float32) / 255
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))

    @property
    def _resampling(self) -> Image.Resampling:
        return Image.Resampling[self.interpolation.upper()]

    def _resized_size(self, width: int, height: int) -> tuple[int, int]:
        if self.fit is Fit.SQUASH:
            return (self.size, self.size)
        edge = self.shortest_edge or self.size
        shorter = min(width, height)
        # int(), not round(): both reference processors cut the fraction of the longer side.
        return (int(edge * width / shorter), int(edge * height / shorter))

    def _resize_and_crop(self, picture: Image.Image) -> Image.Image:
        width, height = self._resized_size(*picture.size)
        square = (self.size, self.size)
        if max(width, height) > _LONGEST_RESIZED * self.size:
            # Up to two grey levels from the two steps below, for Pillow rounds in another order.
            return picture.resize(square, self._resampling, box=self.crop_box(*picture.size))
        left = self.crop_rounding.start(width - self.size)
        top = self.crop_rounding.start(height - self.size)
        resized = picture.resize((width, height), self._resampling)
        return resized.crop((left, top, left + self.size, top + self.size))

    def _span(self, length: int, *, resized: int) -> tuple[float, float]:
        start = self.crop_rounding.start(resized - self.size)
        scale = length / resized
        # min(): the last digit of a float must not push the box over the picture's edge.
        return (start * scale, min((start + self.size) * scale, float(length)))


def upright(image: Image.Image) -> Image.Image:
    """The picture as its EXIF orientation says it is to be looked at."""
    turn = _TURNS.get(orientation_of(image))
    return image if turn is None else image.transpose(turn)


def orientation_of(image: Image.Image) -> int:
    """EXIF's number from 1 to 8; from 5 on, width and height change places. 1 where there is none.

    Pillow's own `exif_transpose` also writes the EXIF anew, and fails on much that cameras and
    editors leave there.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001  hostile bytes: whatever breaks in them, the picture stands
        return 1


def _upright(image: Image.Image) -> Image.Image:
    """The first frame, turned as its EXIF orientation says."""
    if getattr(image, "is_animated", False):
        image.seek(0)
    return upright(image)


def _over_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return _to_rgb(image)
    picture = image.convert("RGBA")
    return _to_rgb(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture))


def _to_rgb(image: Image.Image) -> Image.Image:
    """Drops what transparency is left."""
    return _CONVERSIONS.get(image.mode, _plain_rgb)(image)


def _plain_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _palette_rgb(image: Image.Image) -> Image.Image:
    # Same colours as the direct way, which warns when the palette carries alpha.
    return image.convert("RGBA").convert("RGB")


def _sixteen_bit_rgb(image: Image.Image) -> Image.Image:
    """Keeps the upper byte. The plain conversion cuts at 255: the references see white."""
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

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
