"""Inserts a job into the queue in one statement: start-time fair queueing.

Written by Django's ORM, the same INSERT takes several times as long to build as to run.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from catalog.infrastructure import prepared
from inference.models import Job

# The virtual time that one input takes: whoever sends 2,000 at once has spread them over the next
# minute, and the first job of somebody else comes before most of them. A file of four kilobytes
# may hold 40 megapixels, so these count, too: decoding takes 10 to 25 ms of a core for each.
TIME_PER_INPUT = timedelta(milliseconds=30)
# ViT-L/14 on two cores reads 308 short texts a second: ten of ten tokens in the time of an input.
TOKENS_PER_INPUT = 100
TIME_PER_MEGAPIXEL = timedelta(milliseconds=10)

# Start-time fair queueing (Goyal, Vin and Cheng, 1996): a job's virtual start is the queue's
# virtual time, or after the last job of the same flow, whichever is later. A flood delays only
# itself. Two jobs submitted at the same moment may share a start; that gains nobody more than one
# place.
#
# Virtual time is the start of the first job that waits if that is overdue, else now: where workers
# are slower than TIME_PER_INPUT allows for, "now" would be behind all of a flood whose starts have
# come. A hundred-thousandth of the delay is added so that arrivals meanwhile keep their order.
#
# LEAST and GREATEST pass over NULL: nobody waits, or nothing of this flow.
#
# Lines of batches stand in a queue of their own, with a clock and flows of its own. PostgreSQL uses
# the index of each only where the statement says by itself which one is meant.
_INSERT = """
WITH clock AS (
    SELECT statement_timestamp() AS time
), first AS (
    SELECT virtual_start FROM inference_job
    WHERE state = 'queued' AND {queue} AND card_id = %(card)s ORDER BY virtual_start LIMIT 1
), own AS (
    SELECT max(virtual_start) AS virtual_start FROM inference_job
    WHERE state = 'queued' AND {queue} AND card_id = %(card)s
        AND fair_share_key = %(fair_share_key)s
)
INSERT INTO inference_job (
    id, kind, card_id, owner_id, visitor, key_id, batch_id, inputs, image_count, pixels,
    text_tokens, payload, options, keeps_preview, preview_file, is_paid, nano_usd_per_image,
    nano_usd_per_text, nano_usd_per_token, max_cost_micro_usd, state, error_code, attempt, worker,
    fair_share_key, request_id, traceparent, virtual_start, woken_at, deadline_at
)
SELECT
    %(id)s, %(kind)s::text, %(card)s, %(owner)s::bigint, %(visitor)s::uuid, %(key)s::bigint,
    %(batch)s::uuid, %(inputs)s::jsonb, %(image_count)s, %(pixels)s, %(text_tokens)s,
    %(payload)s::jsonb, %(options)s::jsonb, %(keeps_preview)s, '', %(is_paid)s, %(per_image)s,
    %(per_text)s, %(per_token)s, %(max_cost)s::bigint, 'queued', '', 0, '',
    %(fair_share_key)s::text, %(request_id)s::uuid, %(traceparent)s::text,
    greatest(
        least(first.virtual_start + (clock.time - first.virtual_start) / 100000, clock.time),
        own.virtual_start + %(time)s
    ),
    clock.time,  -- taken back if no message can be sent
    coalesce(%(deadline_at)s::timestamptz, clock.time + %(deadline)s::interval)
FROM clock CROSS JOIN own LEFT JOIN first ON true
WHERE %(max_queued)s::bigint IS NULL OR (
    SELECT count(*) FROM (
        SELECT FROM inference_job
        WHERE state = 'queued' AND {queue} AND fair_share_key = %(fair_share_key)s
        LIMIT %(max_queued)s::bigint
    ) AS waiting
) < %(max_queued)s::bigint
ON CONFLICT (id) DO NOTHING
RETURNING created_at, virtual_start, woken_at, deadline_at
"""
INSERT = _INSERT.format(queue="batch_id IS NULL")
INSERT_LINE = _INSERT.format(queue="batch_id IS NOT NULL")


def insert(job: Job, *, deadline: timedelta | datetime, max_queued: int | None = None) -> bool:
    """False: there is such a job, or its flow has `max_queued` jobs waiting."""
    # A thousand labels by several templates are more work than the one image they are for.
    work = max(len(job.inputs), job.image_count + job.text_tokens // TOKENS_PER_INPUT)
    parameters = _columns(job) | {
        "deadline": deadline if isinstance(deadline, timedelta) else None,
        "deadline_at": deadline if isinstance(deadline, datetime) else None,
        "max_queued": max_queued,
        "time": TIME_PER_INPUT * work + TIME_PER_MEGAPIXEL * (job.pixels / 1_000_000),
    }
    with prepared.cursor() as cursor:
        cursor.execute(INSERT if job.batch_id is None else INSERT_LINE, parameters)
        row = cursor.fetchone()
    if row is None:
        return False
    job.created_at, job.virtual_start, job.woken_at, job.deadline_at = row
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
        "batch": job.batch_id,
        "inputs": json.dumps(job.inputs),
        "image_count": job.image_count,
        "pixels": job.pixels,
        "text_tokens": job.text_tokens,
        "payload": json.dumps(job.payload),
        "options": json.dumps(job.options),
        "keeps_preview": job.keeps_preview,
        "is_paid": job.is_paid,
        "per_image": job.nano_usd_per_image,
        "per_text": job.nano_usd_per_text,
        "per_token": job.nano_usd_per_token,
        "max_cost": job.max_cost_micro_usd,
        "fair_share_key": job.fair_share_key,
        "request_id": job.request_id,
        "traceparent": job.traceparent,
    }
