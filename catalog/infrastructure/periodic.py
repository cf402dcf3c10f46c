"""Runs a periodic task, and notes in the database when it was done last.

    CELERY_BEAT_SCHEDULE = {"sweep": {"task": "inference.tasks.sweep", "schedule": 2.5}}

    with periodic.noted("sweep"):     # the rest is PeriodicTask's and the scheduler's (beat)
        ...

Nothing here compares the clocks of two machines.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from catalog.infrastructure.outages import DATABASE_OUTAGES
from catalog.models import PeriodicTask

# The header of a message that one of beat's entries is sent as: its name.
HEADER = "periodic"


@contextmanager
def noted(name: str) -> Iterator[None]:
    """What is done inside counts as done; if it raises, as failed, and it is due again at once."""
    try:
        yield
    except Exception as error:
        with suppress(*DATABASE_OUTAGES):
            PeriodicTask.objects.note_failed(name, repr(error))
        raise
    PeriodicTask.objects.note_done(name)
