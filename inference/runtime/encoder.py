"""What every model that we serve can do."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.runtime.images.preprocessing import Preprocessing

Embeddings = NDArray[np.float32]


class Encoder(Protocol):
    """Two towers into one space: a picture and a text that fit each other lie close.

    encoder.encode_images([photo]) @ encoder.encode_texts(["a cat", "a dog"]).T
    """

    repo: str
    revision: str
    image_size: int
    """Side of the square that the image tower sees, in pixels."""
    patch_size: int | None
    """Side of a patch in pixels; None where the tower is no vision transformer."""
    embed_dim: int
    logit_scale: float
    """logit = logit_scale * cosine + logit_bias"""
    logit_bias: float
    """0.0 for CLIP; learned for SigLIP."""
    preprocessing: Preprocessing

    @property
    def parameter_bytes(self) -> int:
        """Memory that the weights of both towers take."""
        ...

    def pack(self) -> None:
        """Rearranges weights for the CPU, where that is supported; vectors stay the same."""
        ...

    def compile(self) -> None:
        """Lets torch compile the image tower at its next batch, where that is supported."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """float32 [n, embed_dim], L2-normalised, input order; no images give [0, embed_dim].

        Takes photos as decoded, or what `preprocessing.crop` made of them: a crop of a crop is
        the same crop.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """float32 [n, embed_dim], L2-normalised, input order; no texts give [0, embed_dim].

        A text beyond the model's context length is cut, not refused.
        """
        ...
