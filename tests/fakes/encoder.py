"""An encoder without weights: fast, exact, and countable. It keeps the real ones' contract.

tests/inference/runtime/encoders/test_contract.py asks the same of this one and of a tiny CLIP.
"""

import hashlib
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from inference.runtime.encoder import Agreement, Embeddings, TokenCount
from inference.runtime.images.preprocessing import Preprocessing

POISON = (255, 0, 0)
CONTEXT_LENGTH = 77


class HashEncoder:
    """Equal input gives equal unit vectors. Red pictures break it."""

    repo: str = "tests/hash"
    revision: str = "1"
    fingerprint: str = "hash-1"
    engine: str = "hashes"
    precision: str = "float32"
    engine_note: str = ""
    agreement: Agreement | None = None
    image_size: int = 32
    patch_size: int | None = 8
    embed_dim: int = 8
    logit_scale: float = 100.0
    logit_bias: float = 0.0
    is_sigmoid: bool = False
    preprocessing: Preprocessing = Preprocessing(size=32)

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.texts: list[str] = []
        self.text_passes: list[int] = []

    @property
    def parameter_bytes(self) -> int:
        return 0

    def pack(self) -> None:
        pass

    def compile(self) -> None:
        pass

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        # A crop of a crop is the same crop, so what the worker has cropped already stays the same.
        crops = [self.preprocessing.crop(image) for image in images]
        if any(crop.getpixel((16, 16)) == POISON for crop in crops):
            raise RuntimeError("poison")
        self.batches.append(len(crops))
        return self._vectors([crop.tobytes() for crop in crops])

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        self.texts += texts
        self.text_passes.append(len(texts))
        return self._vectors([text.encode() for text in texts])

    def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
        lengths = [len(text.split()) for text in texts]  # a token is a word
        return [TokenCount(min(n, CONTEXT_LENGTH), is_cut=n > CONTEXT_LENGTH) for n in lengths]

    def _vectors(self, inputs: Sequence[bytes]) -> Embeddings:
        digests = [np.frombuffer(hashlib.sha256(data).digest()[:8], np.uint8) for data in inputs]
        raw = np.array(digests, dtype=np.float32).reshape(-1, 8) - 127.5
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


def poison_photo() -> bytes:
    """A picture that breaks the forward pass of its batch."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), POISON).save(buffer, "PNG")
    return buffer.getvalue()
