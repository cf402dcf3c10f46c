"""Embeddings of texts: kept in this process, and shared with all workers.

A vector is found again under the same encoder (its weights, tokenizer, code and precision), and by
its owner only: what one account has sent shows in no other's answers, prices and times. What was
paid for and what was free are kept apart as well, so that free calls neither push out nor pay for
what was paid for; and nothing else is shared.

A text is new, and charged, until a job that brought it has succeeded: what was embedded for a batch
stays with the batch (`Learned`) while parts of it have to be tried again, comes into this process's
memory with a job's result, and into the store once that is written. So a job costs the same however
often it was tried.
"""

import hmac
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

import numpy as np
from django.conf import settings
from django.utils.crypto import salted_hmac

from inference.jobs import text_work
from inference.models import Job
from inference.runtime.encoder import Embeddings, Encoder
from inference.worker import leases
from inference.worker.texts.memory import TextMemory
from inference.worker.texts.reading import TokenCounts, owner_of
from inference.worker.texts.store import TextStore, shared

TEXTS_PER_PASS = 128  # too many prompts at once would not fit beside a large tower
FIRST_TEXTS = 16  # before it is known how fast the model reads
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
class NewTexts:
    """Vectors that a job is charged for, by their keys, and the texts that they are of."""

    vectors: Vectors
    is_paid: bool
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class KnownTexts:
    """The vectors of a job's texts; `new_texts` are those that its owner had not sent before, and
    that no earlier job of the batch pays for.
    """

    vectors: Mapping[str, Embeddings]
    new_texts: NewTexts
    embed_dim: int

    @property
    def new(self) -> int:
        return len(self.new_texts.vectors)

    def vectors_of(self, texts: Sequence[str]) -> Embeddings:
        """float32 [n, embed_dim], in input order."""
        if not texts:
            return np.empty((0, self.embed_dim), dtype=np.float32)
        return np.stack([self.vectors[text] for text in texts])


@dataclass
class Learned:
    """What was embedded for a batch, and no job has a result of yet: paid for, and free.

    `encode_s` sums the seconds that embedding took, without the pauses between passes.
    """

    vectors: dict[bool, Vectors] = field(default_factory=lambda: {True: {}, False: {}})
    encode_s: float = 0.0


def _memory() -> TextMemory:
    return TextMemory(settings.TEXT_MEMORY_MB * 1024 * 1024)


@dataclass
class TextCache:
    """Text vectors of one model. `encoded` counts the texts that its tower was run for.

    [known] = cache.read([JobTexts("user:7", is_paid=True, texts=["a cat", "a dog"])])
    known.vectors_of(["a cat", "a dog"])  -> float32 [2, dim]
    """

    encoder: Encoder
    memory: TextMemory = field(default_factory=_memory)
    store: TextStore = field(default_factory=shared)
    encoded: int = 0
    token_s: float = 0.0  # what a token takes, by the last passes; 0: not known yet
    token_counts: TokenCounts = field(init=False)

    def __post_init__(self) -> None:
        self.token_counts = TokenCounts(self.encoder)
        # An encoder that cannot say what its vectors depend on shares them with nobody.
        self._is_shared = bool(self.encoder.fingerprint)
        self._engine = self.encoder.fingerprint or uuid.uuid4().hex

    def read(self, batch: Sequence[JobTexts]) -> list[KnownTexts]:
        """The vectors of each job's texts, which are kept at once and paid for."""
        known = finish(self.read_in_passes(batch, Learned()))
        for of_job in known:
            self.keep(of_job.new_texts)
            self.share(of_job.new_texts)
        return known

    def read_in_passes(
        self, batch: Sequence[JobTexts], learned: Learned
    ) -> Generator[None, None, list[KnownTexts]]:
        """The vectors of each job's texts; a text that several jobs bring is embedded once.

        Of the same owner's jobs only the first has it as a new one, of several owners each.
        Pauses after each pass; raises leases.Lost there. Nothing is kept: see `keep` and `share`.
        """
        keys = [{text: self._key(job.owner, text) for text in job.texts} for job in batch]
        wanted: dict[bool, dict[str, str]] = {True: {}, False: {}}
        for job, key_of in zip(batch, keys, strict=True):
            wanted[job.is_paid] |= {key: text for text, key in key_of.items()}
        known = {is_paid: self._recall(wanted[is_paid], is_paid=is_paid) for is_paid in wanted}
        missing = {
            is_paid: {
                key: text
                for key, text in texts.items()
                if key not in known[is_paid] and key not in learned.vectors[is_paid]
            }
            for is_paid, texts in wanted.items()
        }
        yield from self._learn(missing, learned)
        every = {is_paid: known[is_paid] | learned.vectors[is_paid] for is_paid in wanted}
        unpaid = {is_paid: set(vectors) for is_paid, vectors in learned.vectors.items()}
        results = []
        for job, key_of in zip(batch, keys, strict=True):
            vectors = {text: every[job.is_paid][key] for text, key in key_of.items()}
            new_keys = unpaid[job.is_paid] & set(key_of.values())
            unpaid[job.is_paid] -= new_keys
            new = NewTexts(
                vectors={key: learned.vectors[job.is_paid][key] for key in new_keys},
                is_paid=job.is_paid,
                texts=[text for text, key in key_of.items() if key in new_keys],
            )
            results.append(KnownTexts(vectors, new, self.encoder.embed_dim))
        return results

    def keep(self, new: NewTexts, learned: Learned | None = None) -> None:
        """In this process, now that a job has a result of it. What is no number is let go."""
        numbers = {key: row for key, row in new.vectors.items() if np.isfinite(row).all()}
        self.memory.put(numbers, is_paid=new.is_paid)
        if learned is not None:
            for key in new.vectors:
                learned.vectors[new.is_paid].pop(key, None)

    def share(self, new: NewTexts) -> None:
        """With other workers, now that it is paid for."""
        if new.is_paid and self._is_shared:
            written = {
                key: vector.astype("<f4").tobytes()
                for key, vector in new.vectors.items()
                if np.isfinite(vector).all()
            }
            self.store.put(written, timeout_s=SHARED_FOR_S)

    def forget(self, new: NewTexts) -> None:
        """The result was not written, so nobody has paid for it."""
        self.memory.discard(new.vectors, is_paid=new.is_paid)

    def _learn(
        self, missing: Mapping[bool, Mapping[str, str]], learned: Learned
    ) -> Generator[None, None, None]:
        """Embed what is missing. A pass that fails takes nothing with it that others have given."""
        keys_of: dict[str, list[tuple[bool, str]]] = {}
        for is_paid, by_key in missing.items():
            for key, text in by_key.items():
                keys_of.setdefault(text, []).append((is_paid, key))
        for chunk in self._passes(iter(keys_of)):
            started_s = time.monotonic()
            # Copies: a row alone would keep its whole pass in memory.
            rows = [row.copy() for row in self.encoder.encode_texts(chunk)]
            self._note_pass(chunk, time.monotonic() - started_s)
            learned.encode_s += time.monotonic() - started_s
            for text, row in zip(chunk, rows, strict=True):
                for is_paid, key in keys_of[text]:
                    learned.vectors[is_paid][key] = row
            leases.progressed()
            yield

    def _passes(self, texts: Iterator[str]) -> Iterator[list[str]]:
        """Each takes about leases.STEP_S, as far as those before it tell."""
        waiting: list[str] = []
        while waiting := waiting + list(islice(texts, TEXTS_PER_PASS - len(waiting))):
            size = self._pass_size(waiting)
            yield waiting[:size]
            waiting = waiting[size:]

    def _pass_size(self, texts: Sequence[str]) -> int:
        if not self.token_s:
            return FIRST_TEXTS
        longest = 0
        for count, text in enumerate(texts):
            longest = max(longest, text_work.tokens_of([text]))
            # All are padded to the longest.
            if (count + 1) * longest * self.token_s > leases.STEP_S:
                return max(count, 1)
        return len(texts)

    def _note_pass(self, texts: Sequence[str], seconds: float) -> None:
        self.encoded += len(texts)
        token_s = seconds / (len(texts) * max(text_work.tokens_of([text]) for text in texts))
        self.token_s = (self.token_s + token_s) / 2 if self.token_s else token_s

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

    def _key(self, owner: str, text: str) -> str:
        # Nobody who reads the store can try out which texts somebody has sent.
        digest = hmac.digest(_secret(), f"{self._engine}\0{text}".encode(), "sha256")
        return f"text:{owner}:{digest.hex()}"


@lru_cache(maxsize=1)
def _secret() -> bytes:
    return salted_hmac("inference.worker.text_cache", "keys", algorithm="sha256").digest()


def finish(passes: Generator[None, None, list[KnownTexts]]) -> list[KnownTexts]:
    """Without a pause between them."""
    while True:
        try:
            next(passes)
        except StopIteration as end:
            known: list[KnownTexts] = end.value
            return known
