"""The interface of every model that we serve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.runtime.images.preprocessing import Preprocessing

Embeddings = NDArray[np.float32]


@dataclass(frozen=True)
class TokenCount:
    """What the text tower reads of one text: `tokens`, with those that begin and end it, without
    padding. `is_cut`: the text goes on behind what fits the model's context.
    """

    tokens: int
    is_cut: bool


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far int8 is from float32, of the same weights, on this many images: cosines, and how
    often the same one of some labels fits best."""

    images: int
    cosine_min: float
    cosine_median: float
    top1: float


class Encoder(Protocol):
    """Two towers into one space, where an image and a text that match lie close together.

    encoder.encode_images([photo]) @ encoder.encode_texts(["a cat", "a dog"]).T
    """

    repo: str
    # The commit, if all files are known to be its (weights.provenance); else `local:` and their
    # fingerprint. Empty until `loading.load` has looked.
    revision: str
    # Of all that vectors depend on (weights.fingerprint.engine_fingerprint); equal fingerprints
    # give equal vectors. Empty: nobody knows.
    fingerprint: str
    # What computes it, "torch" or "onnxruntime", and in which numbers: float32, bfloat16, int8 ...
    engine: str
    precision: str
    # Why it is not another engine, for the staff; or "".
    engine_note: str
    # Of int8; None for others.
    agreement: Agreement | None
    # Side in pixels of a patch; None if the tower is no vision transformer.
    patch_size: int | None
    embed_dim: int
    # logit = logit_scale * cosine + logit_bias; the bias is 0.0 for CLIP, learned for SigLIP.
    logit_scale: float
    logit_bias: float
    # Trained to score each label for itself (SigLIP), not the labels against each other (CLIP).
    is_sigmoid: bool
    preprocessing: Preprocessing

    @property
    def image_size(self) -> int:
        """Side in pixels of the square that the image tower sees."""
        ...

    @property
    def parameter_bytes(self) -> int: ...

    def pack(self) -> None:
        """Rearranges the weights for the CPU, where supported; vectors stay the same."""
        ...

    def compile(self) -> None:
        """Lets torch compile the image tower at its next batch, where supported."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """float32 [n, embed_dim], L2-normalised, input order; no images give [0, embed_dim].

        Takes images as decoded, or what `preprocessing.crop` made of them.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """float32 [n, embed_dim], L2-normalised, input order; no texts give [0, embed_dim].

        A text beyond the model's context length is cut, not refused.
        """
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
        """Of each text, in input order, without running the tower."""
        ...
