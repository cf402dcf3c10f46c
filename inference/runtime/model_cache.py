"""Models that are loaded, within a budget of memory: the least recently used makes room first."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Model = TypeVar("Model")


@dataclass
class ModelCache(Generic[Model]):
    """`weight` gives the bytes of a model; `budget_bytes` 0 means no limit.

    One model always fits: a worker whose budget is smaller than its only model still serves it.
    """

    weight: Callable[[Model], int]
    budget_bytes: int = 0
    _models: OrderedDict[str, Model] = field(default_factory=OrderedDict)
    # The heartbeat thread reads while the main thread loads.
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __contains__(self, repo: str) -> bool:
        return repo in self._models

    def __bool__(self) -> bool:
        return bool(self._models)

    def items(self) -> list[tuple[str, Model]]:
        """Least recently used first."""
        with self._lock:
            return list(self._models.items())

    def take(self, repo: str) -> Model:
        """The model, now the most recently used; raises KeyError if it is not loaded."""
        with self._lock:
            self._models.move_to_end(repo)
            return self._models[repo]

    def has_room(self, needed_bytes: int) -> bool:
        used_bytes = sum(self.weight(model) for _, model in self.items())
        return not self.budget_bytes or used_bytes + needed_bytes <= self.budget_bytes

    def make_room(self, needed_bytes: int) -> list[str]:
        """Evicts until `needed_bytes` fit or nothing is left; returns the evicted repos."""
        return self._evict(needed_bytes, keep=0)

    def put(self, repo: str, model: Model) -> list[str]:
        """Adds a model; returns the repos evicted because it weighs more than expected."""
        with self._lock:
            self._models[repo] = model
            return self._evict(0, keep=1)

    def clear(self) -> None:
        with self._lock:
            self._models.clear()

    def _evict(self, needed_bytes: int, *, keep: int) -> list[str]:
        evicted = []
        with self._lock:
            while len(self._models) > keep and not self.has_room(needed_bytes):
                evicted.append(self._models.popitem(last=False)[0])
        return evicted
