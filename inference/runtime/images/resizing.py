"""Resizes by Pillow, by torch (faster, within a gray level of it), or by decoding less."""

import numpy as np
from PIL import Image

Size = tuple[int, int]
Extent = tuple[float, float]

# A JPEG decoder scales down worse than bicubic does, so bicubic must have the last word: scaled
# decoding leaves at least this many times the pixels that are needed. Less would be faster, but
# turns noise and fine patterns into something else: at twice the size ViT-B/32 sees a checkerboard
# at a cosine of 0.998, at exactly the size the stand-in sees one at 0.84.
_DRAFT_SCALE = 3
# torch needs two copies of the pixels: beyond this, memory matters more than a few milliseconds.
_MAX_PIXELS = 4_000_000
_OPERATORS = {
    Image.Resampling.BICUBIC: "_upsample_bicubic2d_aa",
    Image.Resampling.BILINEAR: "_upsample_bilinear2d_aa",
}


def by_pillow(
    image: Image.Image, size: Size, *, resampling: Image.Resampling, extent: Extent
) -> Image.Image:
    """To (width, height) pixels; `extent` is how much of the image counts, from the top left."""
    return image.resize(size, resampling, box=(0, 0, *extent))


def by_torch(
    image: Image.Image, size: Size, *, resampling: Image.Resampling, extent: Extent
) -> Image.Image:
    is_plain = image.mode in ("RGB", "L") and resampling in _OPERATORS
    if not is_plain or image.width * image.height > _MAX_PIXELS:
        return by_pillow(image, size, resampling=resampling, extent=extent)
    if image.size == size:
        return image
    import torch

    rows = torch.from_numpy(np.array(image)).view(image.height, image.width, -1)
    pixels = rows.permute(2, 0, 1).unsqueeze(0)
    width, height = size
    # What `interpolate` calls. It takes either a size or a scale; an extent with a fraction, as
    # scaled decoding leaves it, needs both.
    operator = getattr(torch.ops.aten, _OPERATORS[resampling])
    resized = operator(pixels, [height, width], False, height / extent[1], width / extent[0])
    return Image.fromarray(resized[0].permute(1, 2, 0).squeeze(2).contiguous().numpy())


def decode_small(image: Image.Image, size: tuple[int, int]) -> Extent:
    """Lets a JPEG's decoder do what it can of scaling down to `size`.

    Returns how much of what will be decoded the image fills: half of 1001 pixels is 500.5, for
    which 501 are decoded. Other formats, and what is decoded already, keep their size.
    """
    drafted = image.draft(None, (size[0] * _DRAFT_SCALE, size[1] * _DRAFT_SCALE))
    return drafted[1][2:] if drafted else image.size
