"""Counts what has ended, once and for good: totals for Prometheus, which must never shrink.

Jobs are deleted after a while, so their number is no total. Whoever asks for the totals first
adds what has ended since the last time; several at once do no harm.
"""

from django.db import connection

from catalog.infrastructure.locks import try_lock
from inference.models import Tally

LOCK = "inference.counters"
# A job's end is dated by the start of its transaction: by now every such transaction is over.
SETTLED_AFTER_S = 30
LARGEST_BATCH = 1024

COUNT = """
WITH spell AS (
    SELECT coalesce(max(counted_until), '-infinity') AS since,
        now() - %(settled)s * interval '1 s' AS until
    FROM inference_tally
)
INSERT INTO inference_tally AS tally
    (card_id, state, error_code, batch_size, jobs, images, batched, counted_until)
SELECT card_id, state, error_code,
    least(2 ^ ceil(log(2, nullif(batch_size, 0))), %(largest)s)::int AS bucket,
    count(*), sum(image_count), sum(coalesce(batch_size, 0)), max(spell.until)
FROM inference_job, spell
WHERE finished_at > spell.since AND finished_at <= spell.until
GROUP BY card_id, state, error_code, bucket
ON CONFLICT (card_id, state, error_code, batch_size) DO UPDATE SET
    jobs = tally.jobs + excluded.jobs, images = tally.images + excluded.images,
    batched = tally.batched + excluded.batched, counted_until = excluded.counted_until
"""


def count() -> None:
    """Add what has ended since the last time, but for the last half minute."""
    with try_lock(LOCK) as is_locked, connection.cursor() as cursor:
        if is_locked:
            cursor.execute(COUNT, {"settled": SETTLED_AFTER_S, "largest": LARGEST_BATCH})


def totals() -> list[Tally]:
    """All totals, each with its card."""
    return list(Tally.objects.select_related("card").order_by("card__repo", "state", "batch_size"))
