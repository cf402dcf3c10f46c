"""How many tokens of a job's texts the model reads, and which texts go on behind its context."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from cachetools import LRUCache

from inference import kinds
from inference.kinds.fields import truncation
from inference.models import Job
from inference.runtime.encoder import Encoder, TokenCount

MAX_COUNTS = 50_000  # 10 MB


@dataclass(frozen=True)
class Reading:
    """`truncated` are indices of inputs or labels; `context_length` is known where there are."""

    tokens: int
    truncated: list[int]
    context_length: int | None


def owner_of(job: Job) -> str:
    """Whose the job's texts are, and who may find again what is kept of them: `user:7`."""
    return f"user:{job.owner_id}" if job.owner_id else f"visitor:{job.visitor}"


@dataclass
class TokenCounts:
    """Counted once for each account and text: no account can tell by the time what others sent."""

    encoder: Encoder
    _counts: LRUCache[bytes, TokenCount] = field(
        default_factory=lambda: LRUCache(maxsize=MAX_COUNTS)
    )

    def reading_of(self, job: Job, texts: Sequence[str]) -> Reading:
        """Of `texts`, which are all texts of the job."""
        counts = self._of(texts, owner=owner_of(job))
        indices = kinds.of(job).text_indices(job)
        cut = {
            index: count.tokens
            for index, count in zip(indices, counts, strict=True)
            if count.is_cut
        }
        return Reading(
            tokens=sum(count.tokens for count in counts),
            truncated=sorted(cut),
            context_length=max(cut.values(), default=None),
        )

    def tokens_in(self, job: Job, texts: Sequence[str]) -> int:
        """Of those texts of the job: what the model reads, both ends of each among them."""
        return sum(count.tokens for count in self._of(texts, owner=owner_of(job)))

    def too_long(self, job: Job) -> list[int]:
        """What a job that may not be cut has to be refused for."""
        if truncation.may_truncate(job):
            return []
        return self.reading_of(job, kinds.of(job).texts(job)).truncated

    def _of(self, texts: Sequence[str], *, owner: str) -> list[TokenCount]:
        keys = [_key(owner, text) for text in texts]
        counts = {key: self._counts[key] for key in keys if key in self._counts}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in counts}
        counts |= zip(new, self.encoder.count_tokens(list(new.values())), strict=True)
        self._counts.update(counts)
        return [counts[key] for key in keys]


def _key(owner: str, text: str) -> bytes:
    return hashlib.blake2b(f"{owner} {text}".encode(), digest_size=16).digest()
