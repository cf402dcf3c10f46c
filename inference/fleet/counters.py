"""Counts jobs that have ended, once and for good: Prometheus' counters must never shrink.

Jobs are deleted after a while, so their number is no total. A scrape first adds what has ended
since the last one; several at once do no harm.
"""

from django.db import connection

from catalog.infrastructure.locks import try_lock
from inference.models import JobCounter

LOCK = "inference.counters"
# A job's end is dated by the start of its transaction, and seen only at its commit: after so long
# every transaction that began before is over, and none can slip in behind `counted_until`.
SETTLED_AFTER_S = 30
# Buckets are powers of two up to this one, which holds all that is larger, too.
LARGEST_BATCH = 1024

COUNT = """
WITH period AS (
    SELECT coalesce(max(counted_until), '-infinity') AS since,
        now() - %(settled)s * interval '1 s' AS until
    FROM inference_jobcounter
)
INSERT INTO inference_jobcounter AS counter
    (card_id, state, error_code, batch_size, jobs, images, batch_size_sum, counted_until)
SELECT card_id, state, error_code,
    least(2 ^ ceil(log(2, nullif(batch_size, 0))), %(largest)s)::int AS bucket,
    count(*), sum(image_count), sum(coalesce(batch_size, 0)), max(period.until)
FROM inference_job, period
WHERE finished_at > period.since AND finished_at <= period.until
GROUP BY card_id, state, error_code, bucket
ON CONFLICT (card_id, state, error_code, batch_size) DO UPDATE SET
    jobs = counter.jobs + excluded.jobs, images = counter.images + excluded.images,
    batch_size_sum = counter.batch_size_sum + excluded.batch_size_sum,
    counted_until = excluded.counted_until
"""


# How long jobs have waited, and have run; those that never ran have no duration, and those of
# batches are meant to wait.
TIME = """
WITH period AS (
    SELECT coalesce(max(counted_until), '-infinity') AS since,
        now() - %(settled)s * interval '1 s' AS until
    FROM inference_jobduration
), ended AS (
    SELECT card_id, phase, greatest(1000 * extract(epoch FROM duration), 0) AS ms, until
    FROM inference_job, period, LATERAL (
        VALUES ('wait', started_at - created_at), ('run', finished_at - started_at)
    ) AS measured (phase, duration)
    WHERE finished_at > since AND finished_at <= until AND started_at IS NOT NULL
        AND batch_id IS NULL
)
INSERT INTO inference_jobduration AS known (card_id, phase, bucket_ms, jobs, sum_ms, counted_until)
SELECT card_id, phase,
    least(2 ^ ceil(log(2, greatest(ms, %(shortest)s)::numeric)), %(longest)s)::int AS bucket,
    count(*), sum(ms)::bigint, max(until)
FROM ended
GROUP BY card_id, phase, bucket
ON CONFLICT (card_id, phase, bucket_ms) DO UPDATE SET jobs = known.jobs + excluded.jobs,
    sum_ms = known.sum_ms + excluded.sum_ms, counted_until = excluded.counted_until
"""
# Milliseconds; powers of two, as the buckets between them.
SHORTEST_MS = 2**4
LONGEST_MS = 2**20


def count() -> None:
    """Add what has ended since the last time, but for the last half minute."""
    with try_lock(LOCK) as is_locked, connection.cursor() as cursor:
        if is_locked:
            limits = {"largest": LARGEST_BATCH, "shortest": SHORTEST_MS, "longest": LONGEST_MS}
            cursor.execute(COUNT, {"settled": SETTLED_AFTER_S} | limits)
            cursor.execute(TIME, {"settled": SETTLED_AFTER_S} | limits)


def totals() -> list[JobCounter]:
    counters = JobCounter.objects.select_related("card")
    return list(counters.order_by("card__repo", "state", "batch_size"))
