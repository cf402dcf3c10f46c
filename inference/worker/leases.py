"""The batches this process has in hand, and their leases.

One batch is computed while the next is made ready; the heartbeat thread renews what is held. A
lease that nobody here holds any more is never renewed, whatever the process is called.
"""

import threading
import time
import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    token: uuid.UUID
    since_s: float

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.since_s


_held: dict[uuid.UUID, Held] = {}
_lock = threading.Lock()


def take(token: uuid.UUID) -> None:
    with _lock:
        _held[token] = Held(token, time.monotonic())


def drop(token: uuid.UUID) -> None:
    with _lock:
        _held.pop(token, None)


def in_hand() -> list[Held]:
    with _lock:
        return sorted(_held.values(), key=lambda held: held.since_s)
