"""The batches this process has in hand, and their leases.

One batch is computed while the next is made ready; the heartbeat thread renews what is held. A
lease that nobody here holds any more is never renewed, whatever the process is called.

A time limit holds for each step, not for a job: a job of many images on a slow model is computed
in slices, and each of them shows that this process makes progress.
"""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

# What one pass should take at most on a slow model: between two, others may go first.
STEP_S = 0.4


class Lost(Exception):
    """Nobody waits for the batch any more: its jobs were canceled, or somebody else has them."""


@dataclass(frozen=True)
class Held:
    """`progress_s`: when a step of this process's work ended last."""

    token: uuid.UUID
    progress_s: float
    is_computed: bool = False

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.progress_s


_held: dict[uuid.UUID, Held] = {}
_lock = threading.Lock()
_current: ContextVar[uuid.UUID | None] = ContextVar("lease", default=None)


def take(token: uuid.UUID) -> None:
    with _lock:
        _held[token] = Held(token, time.monotonic())


def drop(token: uuid.UUID) -> None:
    with _lock:
        _held.pop(token, None)


def lose(token: uuid.UUID) -> None:
    """Stop computing this batch at its next step; one that is still made ready goes on."""
    with _lock:
        if (held := _held.get(token)) and held.is_computed:
            del _held[token]


def in_hand() -> list[Held]:
    with _lock:
        return sorted(_held.values(), key=lambda held: held.progress_s)


@contextmanager
def computing(token: uuid.UUID) -> Iterator[None]:
    """Inside, `progressed` speaks of this batch."""
    with _lock:
        if token in _held:
            _held[token] = replace(_held[token], is_computed=True)
    before = _current.set(token)
    try:
        progressed()
        yield
    finally:
        _current.reset(before)


def progressed() -> None:
    """A step of the batch that is computed here has ended. Raises Lost if it need not go on."""
    token = _current.get()
    now_s = time.monotonic()
    with _lock:
        if token is not None and token not in _held:
            raise Lost
        # All of them: the others wait for the one that is computed.
        for each in _held:
            _held[each] = replace(_held[each], progress_s=now_s)
