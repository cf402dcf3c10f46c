"""The patch grid: how finely a Vision Transformer cuts its input, and the colors found there."""

import numpy as np
from django.conf import settings
from PIL import Image, ImageOps

# Pages draw each patch, and anybody may ask for a model whose configuration says 100,000 a side.
# SigLIP's 32 are the most of those we know.
MOST_A_SIDE = 64
SAMPLE_SIDE = 448


def grid_side(image_size: int | None, patch_size: int | None) -> int | None:
    """Patches along one side, as the tower counts them (a remainder is cut off).

    None where there are none, and where there are more than a page can show.
    """
    if not image_size or not patch_size:
        return None
    side = image_size // patch_size
    return side if side <= MOST_A_SIDE else None


def mean_colors(square: Image.Image, side: int) -> list[list[str]]:
    """The mean color of each patch, as rows of `#rrggbb`; shape [side][side].

    `square` is the crop that the model sees.
    """
    # A box filter is the mean over each patch.
    small = np.asarray(square.convert("RGB").resize((side, side), Image.Resampling.BOX))
    return [["#{:02x}{:02x}{:02x}".format(*pixel) for pixel in row] for row in small.tolist()]


def sample_colors(side: int) -> list[list[str]]:
    with Image.open(settings.BASE_DIR / "static" / "samples" / "cat.jpg") as photo:
        square = ImageOps.fit(photo.convert("RGB"), (SAMPLE_SIDE, SAMPLE_SIDE))
    return mean_colors(square, side)
