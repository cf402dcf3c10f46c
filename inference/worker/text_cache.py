"""Embeddings of texts: cached in this process, and shared with all workers.

A text's embedding depends on the weights and the text alone, so the key names both. Weights
without a pinned revision are this process's own business.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.core.cache import cache
from redis.exceptions import RedisError

from inference.runtime.encoder import Embeddings, Encoder
from inference.worker.reading import TokenCounts

log = logging.getLogger(__name__)

TEXTS_PER_PASS = 128  # too many prompts at once would not fit beside a large tower
MAX_TEXTS = 20_000  # 60 MB of 768 float32 each
SHARED_FOR_S = 7 * 24 * 3600


@dataclass
class TextCache:
    """Text vectors of one model. `encoded` counts the texts that its tower was run for, and
    `encode_s` sums the seconds that this took.

    cache.vectors_of(["a photo of a cat", "a photo of a dog"]) -> float32 [2, dim]
    """

    encoder: Encoder
    encoded: int = 0
    encode_s: float = 0.0
    token_counts: TokenCounts = field(init=False)
    # Not cachetools.LRUCache: a batch may need more texts than MAX_TEXTS at once, so it shrinks
    # between batches only.
    _vectors: OrderedDict[str, Embeddings] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.token_counts = TokenCounts(self.encoder)

    def learn(self, texts: Iterable[str]) -> set[str]:
        """Make sure that all these are cached; returns those that had to be computed."""
        unknown = [text for text in dict.fromkeys(texts) if not self._is_cached(text)]
        unknown = self._fetch(unknown)
        for start in range(0, len(unknown), TEXTS_PER_PASS):
            chunk = unknown[start : start + TEXTS_PER_PASS]
            self._keep(chunk, self._encode(chunk))
        self.encoded += len(unknown)
        return set(unknown)

    def _encode(self, texts: Sequence[str]) -> Embeddings:
        started = time.monotonic()
        vectors = self.encoder.encode_texts(texts)
        self.encode_s += time.monotonic() - started
        return vectors

    def vectors_of(self, texts: Sequence[str]) -> Embeddings:
        """float32 [n, dim] of texts that were learned, in input order."""
        if not texts:
            return np.empty((0, self.encoder.embed_dim), dtype=np.float32)
        return np.stack([self._vectors[text] for text in texts])

    def shrink(self) -> None:
        # Forget what was not asked for lately; between batches only.
        while len(self._vectors) > MAX_TEXTS:
            self._vectors.popitem(last=False)

    def _is_cached(self, text: str) -> bool:
        if text not in self._vectors:
            return False
        self._vectors.move_to_end(text)
        return True

    def _fetch(self, texts: Sequence[str]) -> list[str]:
        """Copy what other workers have computed; returns what nobody has."""
        if not texts or not self.encoder.revision:
            return list(texts)
        keys = {self._key(text): text for text in texts}
        try:
            cached = cache.get_many(keys)
        except RedisError as error:
            log.warning("texts not looked up error=%s", error)
            cached = {}
        for key, raw in cached.items():
            self._vectors[keys[key]] = np.frombuffer(raw, dtype="<f4")
        return [text for key, text in keys.items() if key not in cached]

    def _keep(self, texts: Sequence[str], vectors: Embeddings) -> None:
        self._vectors.update(zip(texts, vectors, strict=True))
        if not self.encoder.revision:
            return
        written = {
            self._key(text): vector.astype("<f4").tobytes()
            for text, vector in zip(texts, vectors, strict=True)
        }
        try:
            cache.set_many(written, timeout=SHARED_FOR_S)
        except RedisError as error:
            log.warning("texts not shared error=%s", error)

    def _key(self, text: str) -> str:
        digest = hashlib.sha256(text.encode()).hexdigest()[:40]
        return f"text:{self.encoder.repo}:{self.encoder.revision}:{digest}"
