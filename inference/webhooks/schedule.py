"""When a delivery is tried again: after the first attempt at once, eight more within a day."""

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
