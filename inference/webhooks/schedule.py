"""The one rule of when a delivery is tried again, and the sentence that says it everywhere."""

from datetime import timedelta

from catalog.infrastructure.backoff import Steps

BACKOFF = Steps(
    [
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=3),
        timedelta(hours=8),
        timedelta(hours=12),
    ]
)
MAX_ATTEMPTS = BACKOFF.max_attempts


def in_words() -> str:
    """For the pages and the documentation.

    >>> in_words()
    '9 attempts: at once, then after 5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 8 h and 12 h'
    """
    *waits, last = map(_words, BACKOFF.waits)
    return f"{MAX_ATTEMPTS} attempts: at once, then after {', '.join(waits)} and {last}"


def _words(wait: timedelta) -> str:
    seconds = int(wait.total_seconds())
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
