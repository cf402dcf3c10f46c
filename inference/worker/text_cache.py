"""Embeddings of texts: kept in this process, and shared with all workers.

A vector is found again under the same encoder (its weights, tokenizer, code and precision), and by
its owner only: what one account has sent shows in no other's answers, prices and times. What was
paid for and what was free are kept apart as well, so that free calls neither push out nor pay for
what was paid for; and nothing else is shared.
"""

import hmac
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from django.conf import settings
from django.utils.crypto import salted_hmac

from inference.models import Job
from inference.runtime.encoder import Embeddings, Encoder
from inference.worker import leases, text_store
from inference.worker.reading import TokenCounts
from inference.worker.text_memory import TextMemory
from inference.worker.text_store import TextStore

TEXTS_PER_PASS = 128  # too many prompts at once would not fit beside a large tower
SHARED_FOR_S = 7 * 24 * 3600

# By their keys.
Vectors = dict[str, Embeddings]


@dataclass(frozen=True)
class JobTexts:
    """What a job wants embedded, and who may find it again: `user:7`, `visitor:<uuid>`."""

    owner: str
    is_paid: bool
    texts: Sequence[str]

    @classmethod
    def of(cls, job: Job, texts: Sequence[str]) -> "JobTexts":
        return cls(owner_of(job), job.is_paid, texts)


@dataclass(frozen=True)
class KnownTexts:
    """The vectors of a job's texts; `new` counts the texts that its owner had not sent before."""

    vectors: Mapping[str, Embeddings]
    new: int
    embed_dim: int

    def vectors_of(self, texts: Sequence[str]) -> Embeddings:
        """float32 [n, embed_dim], in input order."""
        if not texts:
            return np.empty((0, self.embed_dim), dtype=np.float32)
        return np.stack([self.vectors[text] for text in texts])


def owner_of(job: Job) -> str:
    return f"user:{job.owner_id}" if job.owner_id else f"visitor:{job.visitor}"


def _memory() -> TextMemory:
    return TextMemory(settings.TEXT_MEMORY_MB * 1024 * 1024)


@dataclass
class TextCache:
    """Text vectors of one model. `encoded` counts the texts that its tower was run for, and
    `encode_s` sums the seconds that this took.

    [known] = cache.read([JobTexts("user:7", is_paid=True, texts=["a cat", "a dog"])])
    known.vectors_of(["a cat", "a dog"])  -> float32 [2, dim]
    """

    encoder: Encoder
    memory: TextMemory = field(default_factory=_memory)
    store: TextStore = field(default_factory=text_store.shared)
    encoded: int = 0
    encode_s: float = 0.0
    token_counts: TokenCounts = field(init=False)

    def __post_init__(self) -> None:
        self.token_counts = TokenCounts(self.encoder)
        # An encoder that cannot say what its vectors depend on shares them with nobody.
        self._is_shared = bool(self.encoder.fingerprint)
        self._engine = self.encoder.fingerprint or uuid.uuid4().hex

    def read(self, batch: Sequence[JobTexts]) -> list[KnownTexts]:
        """The vectors of each job's texts; a text that several jobs bring is embedded once.

        Of the same owner's jobs only the first has it as a new one, of several owners each.
        """
        keys = [{text: self._key(job.owner, text) for text in job.texts} for job in batch]
        wanted: dict[bool, dict[str, str]] = {True: {}, False: {}}
        for job, key_of in zip(batch, keys, strict=True):
            wanted[job.is_paid] |= {key: text for text, key in key_of.items()}
        known = {is_paid: self._recall(wanted[is_paid], is_paid=is_paid) for is_paid in wanted}
        new = {is_paid: wanted[is_paid].keys() - known[is_paid].keys() for is_paid in wanted}
        self._learn(wanted, known)
        results = []
        for job, key_of in zip(batch, keys, strict=True):
            vectors = {text: known[job.is_paid][key] for text, key in key_of.items()}
            own_new = new[job.is_paid] & set(key_of.values())
            new[job.is_paid] -= own_new
            results.append(KnownTexts(vectors, len(own_new), self.encoder.embed_dim))
        return results

    def _learn(
        self, wanted: Mapping[bool, Mapping[str, str]], known: Mapping[bool, Vectors]
    ) -> None:
        """Embed what is wanted and not known, keep it, and add it to `known`."""
        missing = {
            is_paid: {key: text for key, text in texts.items() if key not in known[is_paid]}
            for is_paid, texts in wanted.items()
        }
        vectors = self._encode(text for texts in missing.values() for text in texts.values())
        for is_paid, texts in missing.items():
            learned = {key: vectors[text] for key, text in texts.items()}
            known[is_paid].update(learned)
            # What is no number fails its job now, and not the ones after it.
            numbers = {key: row for key, row in learned.items() if np.isfinite(row).all()}
            self._keep(numbers, is_paid=is_paid)

    def _encode(self, texts: Iterable[str]) -> Vectors:
        unique, started = list(dict.fromkeys(texts)), time.monotonic()
        vectors: Vectors = {}
        for start in range(0, len(unique), TEXTS_PER_PASS):
            chunk = unique[start : start + TEXTS_PER_PASS]
            # Copies: a row alone would keep its whole pass in memory.
            rows = [row.copy() for row in self.encoder.encode_texts(chunk)]
            vectors |= zip(chunk, rows, strict=True)
            leases.progressed()
        self.encoded += len(unique)
        self.encode_s += time.monotonic() - started
        return vectors

    def _recall(self, keys: Iterable[str], *, is_paid: bool) -> Vectors:
        known = self.memory.get(keys, is_paid=is_paid)
        if is_paid and self._is_shared:
            shared = self.store.get([key for key in keys if key not in known])
            fetched = {
                key: np.frombuffer(raw, dtype="<f4")
                for key, raw in shared.items()
                if len(raw) == self.encoder.embed_dim * 4  # else it is not ours
            }
            self.memory.put(fetched, is_paid=is_paid)
            known |= fetched
        return known

    def _keep(self, vectors: Vectors, *, is_paid: bool) -> None:
        self.memory.put(vectors, is_paid=is_paid)
        if is_paid and self._is_shared:
            written = {key: vector.astype("<f4").tobytes() for key, vector in vectors.items()}
            self.store.put(written, timeout_s=SHARED_FOR_S)

    def _key(self, owner: str, text: str) -> str:
        # Nobody who reads the store can try out which texts somebody has sent.
        digest = hmac.digest(_secret(), f"{self._engine}\0{text}".encode(), "sha256")
        return f"text:{owner}:{digest.hex()}"


@lru_cache(maxsize=1)
def _secret() -> bytes:
    return salted_hmac("inference.worker.text_cache", "keys", algorithm="sha256").digest()
