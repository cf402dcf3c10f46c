"""The steps between Pillow, torch and numpy that the CLIP loaders share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inference.runtime import devices
from inference.runtime.encoder import Embeddings
from inference.runtime.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    import torch


def pixel_batch(
    images: Sequence[Image.Image], preprocessing: Preprocessing, *, device: str
) -> "torch.Tensor":
    """float32 [n, 3, size, size] on the device: the numbers of `preprocessing.to_array`.

    Travels as uint8, a quarter of the bytes, and is normalised for the whole batch at once.
    """
    import torch

    crops = np.stack([np.asarray(preprocessing.crop(image)) for image in images])
    levels = devices.send(torch.from_numpy(crops), device)
    pixels = levels.permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(preprocessing.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(preprocessing.std, device=device).view(1, 3, 1, 1)
    return pixels.sub_(mean).div_(std).contiguous()


def unit_rows(features: "torch.Tensor") -> Embeddings:
    """float32 [n, dim] on the host, each row of length 1."""
    from torch.nn.functional import normalize

    array: Embeddings = normalize(features.float(), dim=-1).cpu().numpy()
    return array


def no_rows(dim: int) -> Embeddings:
    """[0, dim]: what comes of nothing."""
    return np.empty((0, dim), dtype=np.float32)
