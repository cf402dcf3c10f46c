"""Two ways to resize: Pillow's, and torch's, which gives the same within a grey level, sooner."""

import numpy as np
from PIL import Image

Size = tuple[int, int]
Extent = tuple[float, float]

# torch needs two copies of the pixels: beyond this, memory counts for more than a few milliseconds.
_MOST_PIXELS = 4_000_000
_OPERATORS = {
    Image.Resampling.BICUBIC: "_upsample_bicubic2d_aa",
    Image.Resampling.BILINEAR: "_upsample_bilinear2d_aa",
}


def by_pillow(
    picture: Image.Image, size: Size, *, resampling: Image.Resampling, extent: Extent
) -> Image.Image:
    """`picture` at (width, height) pixels; `extent` is how much of it counts, from the top left."""
    return picture.resize(size, resampling, box=(0, 0, *extent))


def by_torch(
    picture: Image.Image, size: Size, *, resampling: Image.Resampling, extent: Extent
) -> Image.Image:
    """The same; by Pillow where torch cannot, or where the copies would be large."""
    is_plain = picture.mode in ("RGB", "L") and resampling in _OPERATORS
    if not is_plain or picture.width * picture.height > _MOST_PIXELS:
        return by_pillow(picture, size, resampling=resampling, extent=extent)
    if picture.size == size:
        return picture
    import torch

    rows = torch.from_numpy(np.array(picture)).view(picture.height, picture.width, -1)
    pixels = rows.permute(2, 0, 1).unsqueeze(0)
    width, height = size
    # What `interpolate` calls. It takes either a size or a scale; an extent with a fraction, as
    # scaled decoding leaves it, needs both.
    operator = getattr(torch.ops.aten, _OPERATORS[resampling])
    resized = operator(pixels, [height, width], False, height / extent[1], width / extent[0])
    return Image.fromarray(resized[0].permute(1, 2, 0).squeeze(2).contiguous().numpy())
