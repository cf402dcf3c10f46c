"""How workers take jobs: in queue order, under a lease that somebody must renew."""

import uuid
from collections.abc import Collection
from datetime import timedelta

from django.db.models import F, Func, JSONField, Value
from django.db.models.functions import Now, Power

from catalog.infrastructure import prepared
from catalog.models import ModelCard
from inference.models import AttemptEnd, Job, State

LEASE = timedelta(seconds=10)
TIME_LIMIT = timedelta(seconds=60)  # one step of an attempt, however alive its worker is
MAX_ATTEMPTS = 3
UNCLAIMED = {
    "state": State.QUEUED,
    "lease_token": None,
    "lease_until": None,
    "woken_at": None,
    "worker": "",
}


# How often the storage may fail a job, and how long it then waits: twice as long each time. All of
# them together are two and a half minutes.
MAX_UNREAD = 5
UNREAD_WAIT = timedelta(seconds=5)
JOBS_PER_CLAIM = 128  # jobs without images cost little, but not nothing
# What a batch's decoding may cost, beside the number of its images, where the caller does not know
# how many decoders there are.
PIXELS_PER_CLAIM = 50_000_000
# Of texts, where the caller does not know how fast its model reads.
TOKENS_PER_CLAIM = 100_000


class EarlierAttempts(Func):
    """A job's list of earlier attempts, and the one that ends now: read and written only then.

    The oldest goes where the list is full: a job is given back untried as often as workers are
    restarted. A worker without a name is one whose end is in the list already (`postpone`).
    """

    template = """CASE WHEN worker = '' THEN earlier_attempts ELSE (
        CASE WHEN jsonb_array_length(earlier_attempts) >= 20 THEN earlier_attempts - 0
            ELSE coalesce(earlier_attempts, '[]') END
        ) || jsonb_build_object('worker', worker, 'started_at', started_at,
            'ended_at', statement_timestamp(), 'end', %(expressions)s::text) END"""

    def __init__(self, end: AttemptEnd) -> None:
        super().__init__(Value(end.value), output_field=JSONField())


# A running sum over what is free, in queue order: the first job is taken whatever it has, the
# others while they fit; of `only_short`, each has to fit. A job that was tried before is taken
# alone, if it comes first, or not at all.
_CLAIM = """
WITH free AS (
    SELECT id, attempt, image_count, pixels, text_tokens, virtual_start, created_at
    FROM inference_job
    WHERE state = 'queued' AND {queue} AND card_id = %(card)s
        AND deadline_at > statement_timestamp()
        AND fair_share_key <> ALL(%(but_not_of)s)
        AND (NOT %(only_short)s OR image_count <= %(budget)s AND pixels <= %(pixels)s
            AND text_tokens <= %(tokens)s)
    ORDER BY virtual_start, created_at, id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), ranked AS (
    SELECT id, attempt, first_value(attempt) OVER in_order AS first_attempt,
        row_number() OVER in_order AS position,
        row_number() OVER fresh AS fresh_position,
        sum(image_count) OVER fresh AS fresh_images,
        sum(pixels) OVER fresh AS fresh_pixels,
        sum(text_tokens) OVER fresh AS fresh_tokens
    FROM free
    WINDOW in_order AS (ORDER BY virtual_start, created_at, id),
        fresh AS (PARTITION BY attempt = 0 ORDER BY virtual_start, created_at, id)
), chosen AS (
    SELECT id FROM ranked
    WHERE CASE WHEN first_attempt > 0 THEN position = 1 AND NOT %(is_beside)s
        ELSE attempt = 0 AND (fresh_position = 1
            OR fresh_images <= %(budget)s AND fresh_pixels <= %(pixels)s
                AND fresh_tokens <= %(tokens)s) END
)
UPDATE inference_job AS job SET
    state = 'running', attempt = attempt + 1, lease_token = %(token)s,
    lease_until = statement_timestamp() + %(lease)s, started_at = statement_timestamp(),
    worker = %(worker)s, batch_size = (SELECT count(*) FROM chosen)
FROM chosen WHERE job.id = chosen.id
RETURNING {columns}
"""
# As in inference.jobs.queue: each queue has its index.
CLAIM = _CLAIM.format(queue="batch_id IS NULL", columns=prepared.columns(Job, "job"))
CLAIM_BACKGROUND = _CLAIM.format(queue="batch_id IS NOT NULL", columns=prepared.columns(Job, "job"))


def claim(
    card: ModelCard,
    *,
    worker: str,
    budget: int,
    tokens: int = TOKENS_PER_CLAIM,
    pixels: int = PIXELS_PER_CLAIM,
    token: uuid.UUID | None = None,
    is_background: bool = False,
    is_beside: bool = False,
    only_short: bool = False,
    but_not_of: Collection[str] = (),
) -> list[Job]:
    """Take the model's next jobs in queue order, up to a budget, under one lease.

    The budgets are `budget` images, their `pixels`, and `tokens` as estimated (text_work). At
    least one job is taken, whatever it has, unless `only_short` is said: then only jobs that keep
    to the budgets. `but_not_of` are fair_share_keys that have to wait. `is_background`: lines of
    batches, which are for workers that have found nothing else.

    A job that was tried before may be what killed its worker: it is taken alone, so that it cannot
    take others with it; and not at all by a worker that has another batch in hand (`is_beside`),
    which would die with it.
    """
    parameters = {
        "card": card.pk,
        "limit": min(max(budget, 1), JOBS_PER_CLAIM),
        "budget": budget,
        "pixels": pixels,
        "tokens": tokens,
        "only_short": only_short,
        "but_not_of": list(but_not_of),
        "is_beside": is_beside,
        "token": token or uuid.uuid4(),
        "lease": LEASE,
        "worker": worker,
    }
    statement = CLAIM_BACKGROUND if is_background else CLAIM
    claimed = prepared.instances(Job, statement, parameters)
    return sorted(claimed, key=lambda job: (job.virtual_start, job.created_at, job.pk))


def renew(token: uuid.UUID) -> int:
    """How many jobs are still held by it. Whether its worker makes progress, the worker knows."""
    return Job.objects.running().filter(lease_token=token).update(lease_until=Now() + LEASE)


def give_back(token: uuid.UUID, *, was_tried: bool = True) -> int:
    """Queue a claim's jobs again; those that were not tried, since the worker is being restarted
    or the batch before broke, have their attempt back.
    """
    unsettled = Job.objects.running().filter(lease_token=token)
    if not was_tried:
        untried = EarlierAttempts(AttemptEnd.UNTRIED)
        return unsettled.update(**UNCLAIMED, earlier_attempts=untried, attempt=F("attempt") - 1)
    given_back = EarlierAttempts(AttemptEnd.GIVEN_BACK)
    left = unsettled.filter(attempt__lt=MAX_ATTEMPTS)
    return left.update(**UNCLAIMED, earlier_attempts=given_back)


def postpone(token: uuid.UUID, jobs: Collection[Job]) -> int:
    """Leave jobs whose images could not be read to whoever can; how many were still ours.

    That was no attempt. They wait under a lease that nobody renews, so that the sweep brings them
    back when it ends: the storage has some time, and another worker is as likely to come first.
    """
    ours = Job.objects.running().filter(lease_token=token, pk__in=[job.pk for job in jobs])
    return ours.update(
        attempt=F("attempt") - 1,
        unread_count=F("unread_count") + 1,
        earlier_attempts=EarlierAttempts(AttemptEnd.UNREAD),
        worker="",
        lease_token=uuid.uuid4(),
        lease_until=Now() + Value(UNREAD_WAIT) * Power(2.0, F("unread_count")),
    )
