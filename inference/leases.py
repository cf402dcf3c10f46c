"""The batch this process has in hand, and its lease.

The main thread holds a batch while it computes; the heartbeat thread renews what is held. A lease
that nobody here holds any more is never renewed, whatever the process is called.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """A lease token and the monotonic second at which its batch was taken."""

    token: uuid.UUID
    since_s: float

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.since_s


# One batch at a time: the pool is solo. Replaced whole, so that the other thread sees all or none.
_held: Held | None = None


@contextmanager
def holding(token: uuid.UUID) -> Iterator[None]:
    global _held
    _held = Held(token, time.monotonic())
    try:
        yield
    finally:
        _held = None


def in_hand() -> Held | None:
    """What this process is computing, for the heartbeat."""
    return _held
