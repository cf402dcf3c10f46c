"""Makes of any picture the square of pixels that an image tower was trained on.

The steps and roundings are those of the reference processors (transformers' CLIPImageProcessor on
Pillow, open_clip's `preprocess_val`), so that published scores hold here; the tests compare. Two
things are done otherwise: a very long picture is resized and cropped in one step, as 1x5000 would
become 224x1,120,000 first, and 16-bit grey keeps its shades, which the references turn white.

The fast method takes less time and memory for the same scores (embeddings within a cosine of
0.9995, tested in test_fast_preprocessing.py): a large JPEG is decoded at a fraction of its size,
and torch resizes what is not too large.
"""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from inference.runtime.images import resizing
from inference.runtime.images.color_modes import over_white, to_rgb
from inference.runtime.images.resizing import Extent

# Beyond this many times the square's side, the whole resized picture is never made.
_LONGEST_RESIZED = 8
# A JPEG decoder scales down worse than bicubic does, so that the latter must have the last word:
# scaled decoding leaves at least this many times the pixels that are wanted. Less would be faster,
# but turns noise and fine patterns into something else: at twice the size ViT-B/32 sees a
# checkerboard at a cosine of 0.998, at once the size the stand-in sees one at 0.84.
_LEFT_BY_DECODER = 3

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


class Method(StrEnum):
    """How the square is made; the parameters say which."""

    EXACT = "exact"
    """Step by step as the reference processors."""
    FAST = "fast"
    """Other steps to almost the same pixels."""


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
    method: Method = Method.EXACT

    def __post_init__(self) -> None:
        if self.shortest_edge is not None and self.shortest_edge < self.size:
            raise ValueError(
                f"shortest_edge {self.shortest_edge} is below the crop's size {self.size}"
            )
        if self.interpolation.upper() not in Image.Resampling.__members__:
            raise ValueError(f"unknown interpolation {self.interpolation!r}")

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits that change with any parameter: a key for caches.

        Results from before there was a fast method are exact, and keep their fingerprint.
        """
        parameters = asdict(self)
        if self.method is Method.EXACT:
            del parameters["method"]
        return sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:12]

    def crop_box(self, width: int, height: int) -> Box:
        """What the model sees: (left, top, right, bottom) in pixels of the upright picture.

        Fractions are meant: the edges of the resized square seldom fall between two pixels.
        """
        resized_width, resized_height = self._resized_size(width, height)
        left, right = self._span(width, resized=resized_width)
        top, bottom = self._span(height, resized=resized_height)
        return (left, top, right, bottom)

    def crop(self, image: Image.Image) -> Image.Image:
        """RGB [size, size] uint8. What is cropped already comes back as it is.

        Memory: a decoded picture is held at most three times, with four bytes a pixel; the fast
        method holds a large JPEG at a fraction of its size only.
        """
        if getattr(image, "is_animated", False):
            image.seek(0)
        square = self._fast(image) if self.method is Method.FAST else self._exact(image)
        square.info.clear()  # an EXIF orientation left there would turn the crop of this crop
        return square

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

    def _exact(self, image: Image.Image) -> Image.Image:
        picture = upright(image)
        if self.alpha is Alpha.WHITE:
            picture = over_white(picture)
        size = self._resized_size(*picture.size)
        if self._is_long(size):
            # Up to two grey levels from the two steps below, for Pillow rounds in another order.
            box = self.crop_box(*picture.size)
            return to_rgb(picture.resize((self.size, self.size), self._resampling, box=box))
        resized = resizing.by_pillow(
            picture, size, resampling=self._resampling, extent=picture.size
        )
        return to_rgb(self._middle(resized))

    def _fast(self, image: Image.Image) -> Image.Image:
        """The same, but turned when it is small."""
        size = self._resized_size(*image.size)
        extent = _decode_small(image, size)
        if self._is_long(size):
            return self._exact(image)
        picture = over_white(image) if self.alpha is Alpha.WHITE else image
        resized = resizing.by_torch(picture, size, resampling=self._resampling, extent=extent)
        return to_rgb(self._middle(_turned(resized, orientation_of(image))))

    def _is_long(self, resized: tuple[int, int]) -> bool:
        return max(resized) > _LONGEST_RESIZED * self.size

    def _middle(self, resized: Image.Image) -> Image.Image:
        left = self.crop_rounding.start(resized.width - self.size)
        top = self.crop_rounding.start(resized.height - self.size)
        return resized.crop((left, top, left + self.size, top + self.size))

    def _span(self, length: int, *, resized: int) -> tuple[float, float]:
        start = self.crop_rounding.start(resized - self.size)
        scale = length / resized
        # min(): the last digit of a float must not push the box over the picture's edge.
        return (start * scale, min((start + self.size) * scale, float(length)))


def upright(image: Image.Image) -> Image.Image:
    """The picture as its EXIF orientation says it is to be looked at."""
    return _turned(image, orientation_of(image))


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
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


def _decode_small(image: Image.Image, size: tuple[int, int]) -> Extent:
    """Lets the decoder of a JPEG do what it can of scaling down to `size`.

    Returns how much the picture fills of what will be decoded: a half of 1001 pixels is 500.5,
    for which 501 are decoded. Other formats, and what is decoded already, stay whole.
    """
    drafted = image.draft(None, (size[0] * _LEFT_BY_DECODER, size[1] * _LEFT_BY_DECODER))
    return drafted[1][2:] if drafted else image.size


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
