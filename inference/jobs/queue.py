"""Puts a job into the queue, with its turn, in one statement: every request that works does it.

(By Django's ORM the same INSERT takes several times as long to write as to run.)
"""

import json
from datetime import timedelta
from typing import Any

from django.db import connection

from inference.models import Job

# What one picture's turn takes of its owner's share: whoever sends 2,000 at once has spread them
# over the next minute, and the first one of somebody else comes before most of them.
SHARE = timedelta(milliseconds=30)

# A job's turn is next, but each payer's jobs stand a share of time apart. (Start-time fair
# queueing: a flood only delays itself. Two jobs submitted at the same moment may share a turn;
# that gains nobody more than one place.)
#
# Next is just after the first that waits, if its turn is overdue; else now. What is overdue is the
# workload's own time: where the workers are slower than SHARE allows for, "now" would be behind
# all of a flood whose turns have come. The hundred-thousandth of the delay keeps those who come
# meanwhile in the order of their arrival.
#
# LEAST and GREATEST pass over NULL: nobody waits, or nothing of theirs.
ENQUEUE = """
WITH clock AS (
    SELECT statement_timestamp() AS time
), first AS (
    SELECT turn FROM inference_job
    WHERE state = 'queued' AND card_id = %(card)s ORDER BY turn LIMIT 1
), own AS (
    SELECT max(turn) AS turn FROM inference_job
    WHERE state = 'queued' AND card_id = %(card)s AND payer = %(payer)s
)
INSERT INTO inference_job (
    id, kind, card_id, owner_id, visitor, key_id, inputs, image_count, labels, template,
    activation, options, is_paid, micro_usd_per_image, micro_usd_per_label, state, error_code,
    attempt, worker, payer, turn, rung_at, deadline_at
)
SELECT
    %(id)s, %(kind)s, %(card)s, %(owner)s, %(visitor)s, %(key)s, %(inputs)s, %(image_count)s,
    %(labels)s, %(template)s, %(activation)s, %(options)s, %(is_paid)s, %(per_image)s,
    %(per_label)s, 'queued', '', 0, '', %(payer)s,
    greatest(
        least(first.turn + (clock.time - first.turn) / 100000, clock.time),
        own.turn + %(share)s
    ),
    clock.time,  -- rung for; taken back if the bell fails
    clock.time + %(deadline)s
FROM clock CROSS JOIN own LEFT JOIN first ON true
WHERE %(most)s IS NULL OR (
    SELECT count(*) FROM (
        SELECT FROM inference_job WHERE state = 'queued' AND payer = %(payer)s LIMIT %(most)s
    ) AS waiting
) < %(most)s
ON CONFLICT (id) DO NOTHING
RETURNING created_at, turn, rung_at, deadline_at
"""


def enqueue(job: Job, *, deadline: timedelta, most_queued: int | None = None) -> bool:
    """Insert the row. False: there is such a job, or its payer has as many waiting as they may."""
    with connection.cursor() as cursor:
        cursor.execute(ENQUEUE, _columns(job) | {"deadline": deadline, "most": most_queued})
        row = cursor.fetchone()
    if row is None:
        return False
    job.created_at, job.turn, job.rung_at, job.deadline_at = row
    job._state.adding = False
    return True


def _columns(job: Job) -> dict[str, Any]:  # what psycopg takes
    return {
        "id": job.pk,
        "kind": job.kind,
        "card": job.card_id,
        "owner": job.owner_id,
        "visitor": job.visitor,
        "key": job.key_id,
        "inputs": json.dumps(job.inputs),
        "image_count": job.image_count,
        "labels": json.dumps(job.labels),
        "template": job.template,
        "activation": job.activation,
        "options": json.dumps(job.options),
        "is_paid": job.is_paid,
        "per_image": job.micro_usd_per_image,
        "per_label": job.micro_usd_per_label,
        "payer": job.payer,
        "share": SHARE * len(job.inputs),
    }
