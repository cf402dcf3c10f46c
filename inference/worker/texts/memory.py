"""Text vectors in this process's memory, within a budget."""

import threading
from collections.abc import Iterable, Mapping

from cachetools import TTLCache

from inference.runtime.encoder import Embeddings

# What an account has sent is in no worker any more so long after the account was erased.
KEPT_FOR_S = 3600
OVERHEAD_BYTES = 600  # of a key, an array and an entry


class TextMemory:
    """By key; what was paid for and what was free have half of the budget each.

    The least recently used goes first. Several models share it, and several threads may.
    """

    def __init__(self, budget_bytes: int, *, kept_for_s: float = KEPT_FOR_S) -> None:
        self._halves: dict[bool, TTLCache[str, Embeddings]] = {
            is_paid: TTLCache(budget_bytes // 2, kept_for_s, getsizeof=_size_of)
            for is_paid in (True, False)
        }
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> float:
        with self._lock:
            return sum(half.currsize for half in self._halves.values())

    def get(self, keys: Iterable[str], *, is_paid: bool) -> dict[str, Embeddings]:
        half = self._halves[is_paid]
        with self._lock:
            found = {key: half.get(key) for key in keys}
        return {key: vector for key, vector in found.items() if vector is not None}

    def put(self, vectors: Mapping[str, Embeddings], *, is_paid: bool) -> None:
        half = self._halves[is_paid]
        with self._lock:
            for key, vector in vectors.items():
                if _size_of(vector) <= half.maxsize:  # TEXT_MEMORY_MB may be 0
                    half[key] = vector

    def discard(self, keys: Iterable[str], *, is_paid: bool) -> None:
        half = self._halves[is_paid]
        with self._lock:
            for key in keys:
                half.pop(key, None)

    def expire(self) -> None:
        """Let go of what is too old, also where nobody looks anything up."""
        with self._lock:
            for half in self._halves.values():
                half.expire()


def _size_of(vector: Embeddings) -> int:
    return vector.nbytes + OVERHEAD_BYTES
