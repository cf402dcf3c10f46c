"""Writes down once a minute how the site is; an hour is a row, kept for as long as the page shows.

Nobody can write while the database or the housekeeping is away: such hours hold fewer looks than
they should, and the page says that nobody looked, not that all was well.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeAlias

from django.db import connection
from django.db.models.functions import Now

from catalog.infrastructure.locks import try_lock
from catalog.infrastructure.retention import Budget, Retention
from inference.models import ErrorCode, StatusHour
from inference.status import checks

LOCK = "inference.status"
EVERY = timedelta(minutes=1)
# A message that comes twice, or one that waited, is no second look.
SOONEST = EVERY / 2
KEPT_FOR = timedelta(days=31)
RETENTIONS = [Retention("status hours", StatusHour.objects.all, "hour", KEPT_FOR)]
OUR_FAULT = [ErrorCode.WORKER_CRASHED, ErrorCode.DEADLINE, ErrorCode.INTERNAL]

# The model's card or none, the part or "", whether it works.
Look: TypeAlias = tuple[int | None, str, bool]

COUNT_CHECK = """
INSERT INTO inference_statushour AS known
    (card_id, part, hour, checks, failed_checks, was_up, jobs, failed_jobs)
VALUES (%s, %s, date_trunc('hour', now(), 'UTC'), 1, %s, %s, 0, 0)
ON CONFLICT (card_id, part, hour) DO UPDATE SET checks = known.checks + 1,
    failed_checks = known.failed_checks + excluded.failed_checks,
    was_up = excluded.was_up, checked_at = now()
"""
# The hour before, too: jobs that ended just before its end were not all counted within it.
# Jobs may be deleted sooner than the hour ends: their number does not shrink with that.
# Lines of batches are meant to wait, so they say nothing of how the site is.
COUNT_JOBS = """
INSERT INTO inference_statushour AS known
    (card_id, part, hour, checks, failed_checks, jobs, failed_jobs, wait_p50_ms, wait_p95_ms)
SELECT card_id, '', date_trunc('hour', finished_at, 'UTC') AS ended, 0, 0,
    count(*) FILTER (WHERE state IN ('succeeded', 'failed')),
    count(*) FILTER (WHERE state = 'failed' AND error_code = ANY(%s)),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM started_at - created_at)),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM started_at - created_at))
FROM inference_job
WHERE finished_at >= date_trunc('hour', now(), 'UTC') - interval '1 hour' AND batch_id IS NULL
GROUP BY card_id, ended
ON CONFLICT (card_id, part, hour) DO UPDATE SET
    jobs = excluded.jobs, failed_jobs = excluded.failed_jobs,
    wait_p50_ms = excluded.wait_p50_ms, wait_p95_ms = excluded.wait_p95_ms
WHERE excluded.jobs >= known.jobs
"""


def record() -> bool:
    """Look at everything and write it down; False if somebody has just done so."""
    if _was_just_recorded():
        return False
    # Outside of the transaction: a look may take seconds.
    parts, models = checks.look_at_parts(), checks.look_at_models()
    looks: list[Look] = [(None, str(part), works) for part, works in parts.items()]
    looks += [(card.pk, "", works) for card, works in models.items()]
    with try_lock(LOCK) as is_locked:
        if not is_locked or _was_just_recorded():
            return False
        _write(looks)
    return True


def tidy(budget: Budget) -> None:
    for retention in RETENTIONS:
        retention.delete_due(budget)


def _was_just_recorded() -> bool:
    return StatusHour.objects.filter(checks__gt=0, checked_at__gt=Now() - SOONEST).exists()


def _write(looks: Iterable[Look]) -> None:
    with connection.cursor() as cursor:
        for card_id, part, works in looks:
            cursor.execute(COUNT_CHECK, [card_id, part, int(not works), works])
        cursor.execute(COUNT_JOBS, [[str(code) for code in OUR_FAULT]])
