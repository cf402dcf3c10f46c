"""How long to wait before a message is tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

# 2**12 times any first wait is longer than any bound in use; 2**4000 is no timedelta.
MOST_DOUBLINGS = 12


@dataclass(frozen=True)
class Exponential:
    """Twice as long each time, up to a bound; without an end of its own.

    >>> backoff = Exponential(first=timedelta(seconds=30), longest=timedelta(hours=1))
    >>> [backoff.wait_after(attempt).seconds for attempt in (1, 2, 3, 99)]
    [30, 60, 120, 3600]
    """

    first: timedelta
    longest: timedelta

    def wait_after(self, attempt: int) -> timedelta:
        doublings = min(attempt - 1, MOST_DOUBLINGS)
        return min(self.first * (1 << doublings), self.longest)


@dataclass(frozen=True)
class Steps:
    """A wait for each attempt that may fail; after the last one there is nothing left to try.

    >>> backoff = Steps([timedelta(seconds=5), timedelta(hours=1)])
    >>> backoff.max_attempts, backoff.wait_after(3) is None
    (3, True)
    """

    waits: Sequence[timedelta]

    @property
    def max_attempts(self) -> int:
        return len(self.waits) + 1

    def wait_after(self, attempt: int) -> timedelta | None:
        return self.waits[attempt - 1] if attempt < self.max_attempts else None
