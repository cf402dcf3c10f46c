"""Pictures of many kinds for measuring how far one way to compute is from another.

Parts of real photos, turned, mirrored, tinted, blurred and noisy, and some of noise at several
scales; the same each time.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

SEED = 20261130
_SYNTHETIC_EACH = 5  # one of so many


def pictures(photos: Path | None, *, count: int, side: int) -> Iterator[Image.Image]:
    """RGB, at least `side` pixels; without a folder of JPEG photos all of them are of noise."""
    chance = random.Random(SEED)  # noqa: S311  # nosec B311  pictures, not secrets
    originals = _originals(photos)
    for number in range(count):
        if originals and number % _SYNTHETIC_EACH:
            yield _changed(originals[number % len(originals)], chance, side)
        else:
            yield _noise(chance, side)


def _originals(photos: Path | None) -> Sequence[Image.Image]:
    paths = sorted(photos.glob("*.jpg")) if photos else []
    return [Image.open(path).convert("RGB") for path in paths]


def _changed(photo: Image.Image, chance: random.Random, side: int) -> Image.Image:
    share = chance.uniform(0.25, 1.0)
    width, height = round(photo.width * share), round(photo.height * share)
    left, top = chance.randint(0, photo.width - width), chance.randint(0, photo.height - height)
    picture = photo.crop((left, top, left + width, top + height))
    scale = max(1.0, side / min(picture.size)) * chance.uniform(1.0, 1.5)
    picture = picture.resize((round(width * scale), round(height * scale)))
    if chance.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = picture.rotate(chance.choice((0, 0, 0, 90, 180, 270)), expand=True)
    for enhance in (ImageEnhance.Color, ImageEnhance.Brightness, ImageEnhance.Contrast):
        picture = enhance(picture).enhance(chance.uniform(0.5, 1.6))
    return picture.filter(ImageFilter.GaussianBlur(chance.choice((0, 0, 1, 3))))


def _noise(chance: random.Random, side: int) -> Image.Image:
    cells = chance.choice((2, 4, 9, 24, 60))
    random_ = np.random.default_rng(chance.randrange(2**32))
    grid = random_.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    size = (side, round(side * chance.uniform(1.0, 1.6)))
    return Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)
