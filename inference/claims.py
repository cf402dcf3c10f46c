"""How workers take jobs: under a lease that somebody must renew, in fair turns."""

import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from catalog.models import ModelCard
from inference.models import Job, State

LEASE = timedelta(seconds=10)
TIME_LIMIT = timedelta(seconds=60)  # one attempt, however alive its worker is
MAX_ATTEMPTS = 3
UNCLAIMED = {
    "state": State.QUEUED, "lease_token": None, "lease_until": None, "rung_at": None, "worker": "",
}  # fmt: skip
JOBS_A_CLAIM = 128  # jobs without pictures cost little, but not nothing


def claim(
    card: ModelCard, *, worker: str, budget: int, token: uuid.UUID | None = None,
    is_beside: bool = False,
) -> list[Job]:  # fmt: skip
    """Take the model's next jobs in turn, up to a budget of pictures, under one lease.

    At least one job is taken, however many pictures it has. A job that was tried before may be
    what killed its worker: it is taken alone, so that it cannot take others with it; and not at
    all by a worker that has another batch in hand (`is_beside`), which would die with it.
    """
    token = token or uuid.uuid4()
    with transaction.atomic():
        keys = _next_in_turn(card, budget, is_beside=is_beside)
        if not keys:
            return []
        Job.objects.filter(pk__in=keys).update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            lease_token=token,
            lease_until=Now() + LEASE,
            started_at=Now(),
            worker=worker,
            batch_size=len(keys),
        )
    return list(Job.objects.running().filter(lease_token=token).in_turn())


def _next_in_turn(card: ModelCard, budget: int, *, is_beside: bool) -> list[uuid.UUID]:
    waiting = Job.objects.queued().filter(card=card, deadline_at__gt=Now()).in_turn()
    limit = min(max(budget, 1), JOBS_A_CLAIM)
    free = waiting.select_for_update(skip_locked=True)
    rows = list(free.values_list("pk", "attempt", "image_count")[:limit])
    if rows and rows[0][1] > 0:
        return [] if is_beside else [rows[0][0]]
    taken: list[uuid.UUID] = []
    for pk, attempt, images in rows:
        if attempt:
            continue
        if taken and images > budget:
            break
        taken.append(pk)
        budget -= images
    return taken


def renew(token: uuid.UUID) -> int:
    """Push back a lease, but never past the time limit of an attempt."""
    recent = Job.objects.running().filter(lease_token=token, started_at__gt=Now() - TIME_LIMIT)
    return recent.update(lease_until=Now() + LEASE)


def give_back(token: uuid.UUID) -> int:
    """Queue again what is left of a batch that was not settled; the sweep rings for it."""
    left = Job.objects.running().filter(lease_token=token, attempt__lt=MAX_ATTEMPTS)
    return left.update(**UNCLAIMED)
