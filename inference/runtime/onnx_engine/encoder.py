"""An Encoder that runs exported towers; imports neither torch nor transformers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from inference.runtime import cache_files
from inference.runtime.cpu import threads
from inference.runtime.encoder import Embeddings, TokenCount
from inference.runtime.images.preprocessing import Preprocessing
from inference.runtime.onnx_engine.manifest import IMAGE, READER, TEXT, Manifest
from inference.runtime.onnx_engine.sessions import Session
from inference.runtime.texts import light_reader
from inference.runtime.texts.light_reader import Ids, LightReader


class OnnxEncoder:
    """Both towers of one export. Their vectors come out as unit vectors already."""

    engine = "onnxruntime"

    def __init__(
        self,
        repo: str,
        manifest: Manifest,
        *,
        precision: str,
        image_tower: Session,
        text_tower: Session,
        reader: LightReader,
    ) -> None:
        """`manifest` is one with facts."""
        facts = manifest.facts
        if facts is None:
            raise ValueError(f"the export of {repo} says nothing of its model")
        self.repo = repo
        self.revision = self.fingerprint = self.engine_note = ""
        self.precision, self.agreement = precision, manifest.agreement
        self.patch_size, self.embed_dim = facts.patch_size, facts.embed_dim
        self.logit_scale, self.logit_bias = facts.logit_scale, facts.logit_bias
        self.is_sigmoid = facts.is_sigmoid
        self.preprocessing: Preprocessing = facts.preprocessing
        self.parameter_bytes = manifest.weight_bytes
        self._cut = facts.cut
        self._image_tower, self._text_tower, self._reader = image_tower, text_tower, reader

    @property
    def image_size(self) -> int:
        return self.preprocessing.size

    def pack(self) -> None:
        pass  # onnxruntime does so by itself

    def compile(self) -> None:
        pass

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        if not images:
            return self._no_rows()
        crops = np.stack([np.asarray(self.preprocessing.crop(image)) for image in images])
        return self._image_tower.run_in_lanes(crops)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        if not texts:
            return self._no_rows()
        return self._text_tower.run(cut(self._reader.padded(texts), self._cut))

    def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
        return self._reader.counts(texts)

    def _no_rows(self) -> Embeddings:
        return np.empty((0, self.embed_dim), dtype=np.float32)


def cut(ids: Ids, where: str) -> Ids:
    """Without the columns behind the last position that the tower reads (manifest.Facts.cut).

    >>> cut(np.array([[7, 2, 9, 0], [7, 9, 0, 0]]), "first:9").shape
    (2, 3)
    """
    if not where:
        return ids
    rule, _, end = where.partition(":")
    positions = ids.argmax(axis=1) if rule == "argmax" else (ids == int(end)).argmax(axis=1)
    return np.ascontiguousarray(ids[:, : int(positions.max()) + 1])


def load(folder: Path, manifest: Manifest, *, repo: str, precision: str) -> OnnxEncoder:
    """Raises RuntimeError or ValueError for an export that cannot be used."""
    described = cache_files.read_json(folder / READER)
    if described is None:
        raise ValueError(f"{folder / READER} cannot be read")
    count = threads.count()
    return OnnxEncoder(
        repo,
        manifest,
        precision=precision,
        image_tower=Session(folder / IMAGE, threads=count),
        text_tower=Session(folder / TEXT, threads=count),
        reader=light_reader.reader_of(described),
    )
