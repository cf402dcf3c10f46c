"""Encoders without a forward pass: what is left is the pipeline around it.

`ENCODER_LOADER` names one of the functions here in place of `loading.load` (bench.settings).
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from inference.runtime.encoder import Agreement, Embeddings, Encoder, TokenCount
from inference.runtime.images.preprocessing import Preprocessing
from inference.runtime.loading import Options
from inference.runtime.spec import ModelSpec

SIDE, DIM = 224, 512
# Of an image, for the encoder that sleeps.
SLEEP_MS = "BENCH_SLEEP_MS"


class IdleEncoder:
    """The same unit vector for everything, after a nap for each image."""

    repo = ""
    revision = fingerprint = "idle"
    engine, precision, engine_note = "idle", "float32", ""
    agreement: Agreement | None = None
    patch_size: int | None = 32
    embed_dim = DIM
    logit_scale, logit_bias, is_sigmoid = 100.0, 0.0, False
    image_size = SIDE
    parameter_bytes = 0

    def __init__(self, spec: ModelSpec, options: Options) -> None:
        self.repo = spec.repo
        self.preprocessing = Preprocessing(size=SIDE, method=options.preprocessing)
        self._nap_s = float(os.environ.get(SLEEP_MS, "0")) / 1000

    def pack(self) -> None:
        pass

    def compile(self) -> None:
        pass

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        time.sleep(self._nap_s * len(images))
        return self._rows(len(images))

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        return self._rows(len(texts))

    def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
        return [TokenCount(4, is_cut=False) for _ in texts]

    def _rows(self, count: int) -> Embeddings:
        return np.full((count, DIM), DIM**-0.5, dtype=np.float32)


def load(spec: ModelSpec, *, model_dir: Path, cache_dir: Path, options: Options) -> Encoder:
    """Called as `loading.load` is."""
    del model_dir, cache_dir
    return IdleEncoder(spec, options)
