"""What is done again and again, and when it was done last: no end of it goes unnoticed."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

# How late a task may be, beside half an interval: a restart of its process takes some seconds.
GRACE = timedelta(seconds=60)

# By the database's clock alone: processes whose clocks differ agree on what is due. A start in the
# future was noted before that clock was set back.
CLAIM = """
INSERT INTO catalog_periodictask AS task (name, interval, last_started_at, last_error)
VALUES (%(name)s, %(interval)s, now(), '')
ON CONFLICT (name) DO UPDATE SET last_started_at = now(), interval = excluded.interval
WHERE task.last_started_at IS NULL OR task.last_started_at > now()
    OR task.last_started_at <= now() - 0.9 * excluded.interval
"""


class PeriodicTaskQuerySet(models.QuerySet["PeriodicTask"]):
    def claim(self, name: str, interval: timedelta) -> bool:
        """Whether it is due, and the caller's to do: of several at once, one gets it."""
        with connection.cursor() as cursor:
            given: dict[str, Any] = {"name": name, "interval": interval}  # Any: what psycopg takes
            cursor.execute(CLAIM, given)
            return bool(cursor.rowcount)

    def was_just_done(self, name: str) -> bool:
        """Less than half an interval ago: a message that comes twice, or one that waited."""
        just_now = Q(last_done_at__gt=Now() - F("interval") / 2, last_done_at__lte=Now())
        return self.filter(just_now, name=name).exists()

    def note_done(self, name: str) -> None:
        self.filter(name=name).update(last_done_at=Now(), last_error="")

    def note_failed(self, name: str, error: str) -> None:
        length = PeriodicTask._meta.get_field("last_error").max_length
        self.filter(name=name).update(last_started_at=None, last_error=error[:length])

    def late(self) -> "PeriodicTaskQuerySet":
        """What should have been done by now, counted from its first start if it never was."""
        last = Coalesce("last_done_at", "created_at")
        return self.annotate(last=last).filter(last__lt=Now() - GRACE - F("interval") * 1.5)


class PeriodicTask(models.Model):
    """One entry of CELERY_BEAT_SCHEDULE, by its name there."""

    name = models.CharField(max_length=50, primary_key=True)
    interval = models.DurationField()
    created_at = models.DateTimeField(db_default=Now())
    last_started_at = models.DateTimeField(null=True, blank=True)
    last_done_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(
        max_length=300, blank=True, help_text="of the last run, if it failed"
    )

    objects = PeriodicTaskQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def last_done_at(name: str) -> datetime | None:
    """None: never, as far as is known."""
    return PeriodicTask.objects.filter(name=name).values_list("last_done_at", flat=True).first()
