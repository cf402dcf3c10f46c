"""Celery beat's scheduler: what is due is done here, in threads, or sent where an entry says so.

    celery -A config beat        # CELERY_BEAT_SCHEDULER names this one

Housekeeping needs the database and nothing else: with the broker full or away leases are given back
and mail goes out. An entry with a queue among its options needs what only that queue's workers
have; it is sent there, and shows at the same time that they are alive.

Beat's own scheduler keeps its times in a file, and by the wall clock: a full disk ends it, and a
clock that is set back stops it. Here the database says what is due (PeriodicTask), so two beats do
nothing twice, and one of them may die.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, cast

from celery.beat import Scheduler as CeleryScheduler
from django.db import connection

from catalog.infrastructure import broker, periodic
from catalog.infrastructure.backoff import Exponential
from catalog.infrastructure.outages import DATABASE_OUTAGES
from catalog.models import PeriodicTask

log = logging.getLogger(__name__)

# How often is asked whether a task of hours is due: another beat may have done it meanwhile.
LONGEST_PAUSE_S = 30.0
LONGEST_SLEEP_S = 1.0


class Entry(Protocol):
    """Celery's ScheduleEntry, whose attributes have no types, as settings fill it."""

    name: str
    task: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]
    schedule: object


# Nothing that a sweep does takes so long; code that hangs can only be replaced.
HUNG_AFTER_S = 120.0
WATCHED = "sweep"
SHORTEST_BACKOFF_S = 5.0
AFTER_FAILURE = Exponential(first=timedelta(seconds=2.5), longest=timedelta(seconds=30))


@dataclass
class _Turn:
    """When an entry is looked at next, in seconds of time.monotonic(), and whether it runs now."""

    next_s: float = 0.0
    running_since_s: float | None = None
    failures: int = 0


class Scheduler(CeleryScheduler):
    """`hung` ends the process, so that it is started again, if a sweep takes `hung_after_s`."""

    # Any: Celery passes its app and whatever options it was given.
    def __init__(
        self,
        *args: Any,
        hung: Callable[[], None] = lambda: os._exit(1),
        hung_after_s: float = HUNG_AFTER_S,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._turns: dict[str, _Turn] = {name: _Turn() for name in self.entries}
        self._threads = ThreadPoolExecutor(
            max_workers=max(len(self._turns), 1), thread_name_prefix="periodic"
        )
        self._hung, self._hung_after_s = hung, hung_after_s

    def install_default_entries(self, data: object) -> None:
        """None: Celery's own one cleans up results, and there are none."""

    @property
    def entries(self) -> Mapping[str, Entry]:
        return cast(Mapping[str, Entry], self.schedule)

    def tick(self, *_: object, **__: object) -> float:
        """Start what may be due; how long to sleep until the next look."""
        now_s = time.monotonic()
        for name, turn in self._turns.items():
            if turn.running_since_s is None and turn.next_s <= now_s:
                turn.running_since_s = now_s
                self._threads.submit(self._take_turn, self.entries[name], turn)
        self._watch(now_s)
        pauses = [turn.next_s - now_s for turn in self._turns.values() if not turn.running_since_s]
        return max(0.05, min([LONGEST_SLEEP_S, *pauses]))

    def _watch(self, now_s: float) -> None:
        turn = self._turns.get(WATCHED)
        since_s = turn.running_since_s if turn else None
        if since_s is not None and now_s - since_s > self._hung_after_s:
            log.critical("periodic task hangs, giving up task=%s", WATCHED)
            self._hung()

    def _take_turn(self, entry: Entry, turn: _Turn) -> None:
        pause_s = min(interval_of(entry).total_seconds(), LONGEST_PAUSE_S)
        try:
            self.run_if_due(entry)
            turn.failures = 0
        except Exception as error:  # the edge of the thread: the next run may go well
            turn.failures += 1
            # What is done each few seconds must not be missed for longer once all is well again.
            longest_s = max(2 * interval_of(entry).total_seconds(), SHORTEST_BACKOFF_S)
            pause_s = min(AFTER_FAILURE.wait_after(turn.failures).total_seconds(), longest_s)
            is_away = isinstance(error, DATABASE_OUTAGES)
            log.error(
                "periodic task failed task=%s next_in=%.1fs error=%r",
                entry.name,
                pause_s,
                error,
                exc_info=not is_away,
            )
        finally:
            connection.close()  # this thread's own
            turn.next_s = time.monotonic() + pause_s
            turn.running_since_s = None

    def run_if_due(self, entry: Entry) -> bool:
        """Whether it was due. Raises what the task raises."""
        if not PeriodicTask.objects.claim(entry.name, interval_of(entry)):
            return False
        if "queue" in entry.options:
            self._send(entry)
        else:
            with periodic.noted(entry.name):
                self.app.tasks[entry.task](*entry.args, **entry.kwargs)
        return True

    def _send(self, entry: Entry) -> None:
        broker.send(
            entry.task,
            queue=entry.options["queue"],
            expires_s=interval_of(entry).total_seconds(),
            is_wake=True,
            headers={periodic.HEADER: entry.name},
        )

    def close(self) -> None:
        # What is under way is not waited for: each task may be cut off anywhere.
        self._threads.shutdown(wait=False, cancel_futures=True)
        super().close()


def interval_of(entry: Entry) -> timedelta:
    """Raises TypeError for a crontab: those follow a wall clock."""
    interval = getattr(entry.schedule, "run_every", None)
    if not isinstance(interval, timedelta):
        raise TypeError(f"{entry.name} must have a number of seconds as its schedule")
    return interval
