"""Fifty varied photos of about 1000x750 and 150 kB, the same every time.

Parts of the site's three sample photos, turned, mirrored and tinted, with as much noise as makes
a JPEG of the wanted size: decoding costs by the byte as well as by the pixel.
"""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from devserver.addresses import PROJECT_DIR

SAMPLES = PROJECT_DIR / "static" / "samples"
SEED = 20261123
BYTES = 150_000


def make(count: int = 50, *, width: int = 1000, wanted_bytes: int = BYTES) -> list[bytes]:
    """JPEGs; sides vary by a tenth, sizes by about a fifth."""
    originals = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.glob("*.jpg"))]
    chance = random.Random(SEED)  # noqa: S311  pictures, not secrets
    return [
        _photo(originals[number % len(originals)], chance, width=width, wanted_bytes=wanted_bytes)
        for number in range(count)
    ]


def write(folder: Path, **options: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(make(**options)):
        (folder / f"{number:03}.jpg").write_bytes(photo)


def read(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]


def _photo(original: Image.Image, chance: random.Random, *, width: int, wanted_bytes: int) -> bytes:
    wide = round(width * chance.uniform(0.9, 1.1))
    high = round(wide * chance.uniform(0.7, 0.8))
    picture = _part(original, chance).resize((wide, high), Image.Resampling.BICUBIC)
    if chance.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = ImageEnhance.Color(picture).enhance(chance.uniform(0.6, 1.5))
    target_bytes = round(wanted_bytes * chance.uniform(0.85, 1.15))
    return min(
        _noisier_and_noisier(picture, chance), key=lambda jpeg: abs(len(jpeg) - target_bytes)
    )


def _part(original: Image.Image, chance: random.Random) -> Image.Image:
    share = chance.uniform(0.6, 1.0)
    wide, high = round(original.width * share), round(original.height * share)
    left = chance.randint(0, original.width - wide)
    top = chance.randint(0, original.height - high)
    return original.crop((left, top, left + wide, top + high))


def _noisier_and_noisier(picture: Image.Image, chance: random.Random) -> Iterator[bytes]:
    grain = np.random.default_rng(chance.randrange(2**32)).normal(
        size=(picture.height, picture.width, 1)
    )
    pixels = np.asarray(picture, dtype=np.float32)
    for strength in (0, 2, 4, 6, 8, 11, 15):
        noisy = np.clip(pixels + grain * strength, 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=85)
        yield buffer.getvalue()
