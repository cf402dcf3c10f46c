"""Turns any image into the square of pixels that an image tower was trained on.

The steps and roundings are those of the reference processors (transformers' CLIPImageProcessor on
Pillow, open_clip's `preprocess_val`), so that published scores hold here; the tests compare. Two
things differ: a very long image is resized and cropped in one step, as 1x5000 would become
224x1,120,000 first, and 16-bit gray keeps its shades, which the references turn white.

The fast method takes less time and memory for the same scores (embeddings within a cosine of
0.9995, tested in test_fast_preprocessing.py): a large JPEG is decoded at a fraction of its size,
and torch resizes what is not too large.
"""

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.runtime.images import resizing
from inference.runtime.images.color_modes import over_white, to_rgb, without_alpha
from inference.runtime.images.orientation import orientation_of, turned

# Beyond this many times the square's side, the whole resized image is never made.
_LONGEST_RESIZED = 8
# A key of `Image.info` that no file can set, as formats use words.
_CROPPED_BY = (-1, -1)

Box = tuple[float, float, float, float]
Triple = tuple[float, float, float]

# https://github.com/openai/CLIP/blob/main/clip/clip.py, `_transform`
OPENAI_MEAN: Triple = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD: Triple = (0.26862954, 0.26130258, 0.27577711)


class CropRounding(StrEnum):
    """Where a center crop starts when the number of pixels to drop is odd."""

    FLOOR = "floor"  # transformers
    HALF_EVEN = "half_even"  # torchvision, and so open_clip: Python's `round`

    def start(self, excess: int) -> int:
        return excess // 2 if self is CropRounding.FLOOR else round(excess / 2)


class Alpha(StrEnum):
    WHITE = "white"  # blended over white before resizing (transformers)
    DROP = "drop"  # resized in the image's own mode, then ignored (open_clip, OpenAI's original)
    IGNORE = "ignore"  # ignored before resizing (transformers' load_image)


class Fit(StrEnum):
    CROP = "crop"  # keeps the aspect ratio, cuts the middle
    SQUASH = "squash"  # keeps everything, loses the aspect ratio (SigLIP)


class Method(StrEnum):
    EXACT = "exact"  # step by step as the reference processors do it
    FAST = "fast"  # other steps to almost the same pixels


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Everything that decides which numbers a tower sees.

    `size` is the side of the square in pixels. `shortest_edge` is the length that the image's
    shorter side (squashed: both sides) is resized to before cropping; None means `size`.
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
        """12 hex digits that change with any parameter: a key for caches."""
        parameters = asdict(self)
        # Stored results from before there was a fast method are exact, and keep their fingerprint.
        if self.method is Method.EXACT:
            del parameters["method"]
        return sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:12]

    def crop_box(self, width: int, height: int) -> Box:
        """What the model sees: (left, top, right, bottom) in pixels of the upright image.

        Not rounded: the edges of the resized square seldom fall between two pixels.
        """
        resized_width, resized_height = self._resized_size(width, height)
        left, right = self._span(width, resized=resized_width)
        top, bottom = self._span(height, resized=resized_height)
        return (left, top, right, bottom)

    def crop(self, image: Image.Image, *, orientation: int | None = None) -> Image.Image:
        """RGB [size, size] uint8; a crop of a crop is the same crop.

        `orientation` is EXIF's; None: as the image itself says. Raises what Pillow raises for
        damaged files. Memory: a decoded image is held at most three times, at four bytes per
        pixel; the fast method holds a large JPEG at a fraction of its size only.
        """
        # The worker crops ahead of the batch. Resizing again would zoom in wherever shortest_edge
        # is larger than size, so a crop says whose it is.
        is_square = image.size == (self.size, self.size)
        if is_square and image.info.get(_CROPPED_BY) == self._square:
            return image
        if image.tell():
            image.seek(0)
        if orientation is None:
            orientation = orientation_of(image)
        crop = self._fast if self.method is Method.FAST else self._exact
        return self._marked(crop(image, orientation))

    def crop_of(self, pixels: bytes) -> Image.Image:
        """What `crop` gave in another process; raises ValueError for another number of bytes."""
        return self._marked(Image.frombytes("RGB", (self.size, self.size), pixels))

    def preview(self, image: Image.Image, *, orientation: int, side: int) -> Image.Image:
        """The upright image in the colors that the model sees, RGB, at most `side` pixels."""
        # Where alpha is dropped after resizing, what cannot be seen has lost its color by then.
        is_dropped = self.alpha is Alpha.DROP
        colors = without_alpha(image) if is_dropped else self._opaque(image)
        colors.thumbnail((side, side), reducing_gap=2.0)
        return turned(colors, orientation)

    def to_array(self, image: Image.Image) -> NDArray[np.float32]:
        """float32 [3, size, size]: (pixel / 255 - mean) / std."""
        pixels = np.asarray(self.crop(image), dtype=np.float32) / 255
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))

    @cached_property
    def _square(self) -> "Preprocessing":
        # Either method makes the same square, give or take a gray level.
        return replace(self, method=Method.EXACT)

    def _marked(self, crop: Image.Image) -> Image.Image:
        # Nothing else stays: an EXIF orientation left there would turn the crop once more.
        crop.info = {_CROPPED_BY: self._square}
        return crop

    @property
    def _resampling(self) -> Image.Resampling:
        return Image.Resampling[self.interpolation.upper()]

    def _resized_size(self, width: int, height: int) -> tuple[int, int]:
        edge = self.shortest_edge or self.size
        if self.fit is Fit.SQUASH:
            return (edge, edge)
        shorter = min(width, height)
        # int(), not round(): both reference processors cut the fraction of the longer side.
        return (int(edge * width / shorter), int(edge * height / shorter))

    def _exact(self, image: Image.Image, orientation: int) -> Image.Image:
        image = self._opaque(turned(image, orientation))
        size = self._resized_size(*image.size)
        if self._is_long(size):
            # Up to two gray levels from the two steps below: Pillow rounds in another order.
            box = self.crop_box(*image.size)
            return to_rgb(image.resize((self.size, self.size), self._resampling, box=box))
        resized = resizing.by_pillow(image, size, resampling=self._resampling, extent=image.size)
        return to_rgb(self._middle(resized))

    def _fast(self, image: Image.Image, orientation: int) -> Image.Image:
        size = self._resized_size(*image.size)
        extent = resizing.decode_small(image, size)
        if self._is_long(size):
            return self._exact(image, orientation)
        image = self._opaque(image)
        resized = resizing.by_torch(image, size, resampling=self._resampling, extent=extent)
        # Turned last, when it is small.
        return to_rgb(self._middle(turned(resized, orientation)))

    def _opaque(self, image: Image.Image) -> Image.Image:
        match self.alpha:
            case Alpha.WHITE:
                return over_white(image)
            case Alpha.IGNORE:
                return to_rgb(image)
            case Alpha.DROP:
                return image

    def _is_long(self, resized: tuple[int, int]) -> bool:
        return max(resized) > _LONGEST_RESIZED * self.size

    def _middle(self, resized: Image.Image) -> Image.Image:
        left = self.crop_rounding.start(resized.width - self.size)
        top = self.crop_rounding.start(resized.height - self.size)
        return resized.crop((left, top, left + self.size, top + self.size))

    def _span(self, length: int, *, resized: int) -> tuple[float, float]:
        start = self.crop_rounding.start(resized - self.size)
        scale = length / resized
        # min(): the last digit of a float must not push the box over the image's edge.
        return (start * scale, min((start + self.size) * scale, float(length)))
