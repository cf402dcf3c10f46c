"""When a delivery is tried again."""

from datetime import timedelta

# After the first try at once: eight more within a day.
WAITS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=8),
    timedelta(hours=12),
)
LAST_TRY = len(WAITS) + 1


def wait_after(tries: int) -> timedelta | None:
    """How long to wait after the n-th try failed; None: that was the last one.

    >>> wait_after(1), wait_after(8), wait_after(9)
    (datetime.timedelta(seconds=5), datetime.timedelta(seconds=43200), None)
    """
    return WAITS[tries - 1] if tries < LAST_TRY else None
