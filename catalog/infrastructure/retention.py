"""Rows that are kept for a while only: deleted in slices until none is due, and watched.

    JOBS = Retention("jobs", Job.objects.final, "finished_at", timedelta(hours=24))
    JOBS.delete_due(Budget(20))
    JOBS.overdue_s()                # 0.0, or by how much the oldest row is late

One list of them serves both: a promise of the form "kept for a day" is true as long as nothing is
overdue for much longer than the time between two rounds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Min, Model, QuerySet
from django.db.models.functions import Now

# A slice is a transaction: short enough that nobody waits long for its locks.
ROWS_PER_SLICE = 500

# Any: rows of whatever model.
Rows = QuerySet[Any]


def delete_some(rows: Rows, limit: int = ROWS_PER_SLICE) -> int:
    """Delete up to `limit` of the rows, with what the database deletes beside them; how many."""
    pks = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
    rows.model._default_manager.filter(pk__in=pks).delete()
    return len(pks)


class Budget:
    """Time for one round of housekeeping: one worker does all of it, mail included."""

    def __init__(self, seconds: float) -> None:
        self._until_s = time.monotonic() + seconds

    @property
    def is_spent(self) -> bool:
        return time.monotonic() >= self._until_s


@dataclass(frozen=True)
class Retention:
    """`rows` are all that could become due, `field` the moment from which `kept_for` counts.

    `before` is called with each slice before it is deleted: for what the database cannot delete.
    """

    name: str
    rows: Callable[[], Rows]
    field: str
    kept_for: timedelta | Callable[[], timedelta] = timedelta()
    before: Callable[[Sequence[Model]], object] | None = None

    def due(self) -> Rows:
        return self.rows().filter(**{f"{self.field}__lt": Now() - self._kept_for})

    def delete_due(self, budget: Budget) -> int:
        """Delete what is due, oldest first, while there is time; returns the number of rows."""
        deleted = 0
        while not budget.is_spent:
            rows = list(self._slice())
            if self.before:
                self.before(rows)
            self.rows().filter(pk__in=[row.pk for row in rows]).delete()
            deleted += len(rows)
            if len(rows) < ROWS_PER_SLICE:
                break
        return deleted

    def overdue_s(self) -> float:
        """How long the oldest row should have been gone; 0 if none is due."""
        oldest = self.rows().order_by().aggregate(oldest=Min(self.field))["oldest"]
        if oldest is None:
            return 0.0
        with connection.cursor() as cursor:
            # By the clock that set it.
            cursor.execute("SELECT extract(epoch FROM now() - %s)::float", [oldest])
            [age_s] = cursor.fetchone()
        return max(0.0, float(age_s) - self._kept_for.total_seconds())

    @property
    def _kept_for(self) -> timedelta:
        return self.kept_for() if callable(self.kept_for) else self.kept_for

    def _slice(self) -> Rows:
        rows = self.due().order_by(self.field)[:ROWS_PER_SLICE]
        return rows if self.before else rows.only("pk")
