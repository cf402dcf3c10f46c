"""The periodic sweep: lost leases come back, late jobs fail, lost messages are sent again.

It goes in slices, each a transaction of its own under an advisory lock: several sweeps at once do
no harm, but one is enough. What does not fit into the time of one round waits for the next.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from catalog.infrastructure import log_context
from catalog.infrastructure.locks import try_lock
from catalog.infrastructure.retention import Budget, Retention
from catalog.models import ModelCard
from inference.jobs import claims, completion, image_files, wake
from inference.models import AttemptEnd, ErrorCode, Job, JobQuerySet, State

log = logging.getLogger(__name__)

LOCK = "inference.sweep"
WAKE_AGAIN_AFTER = timedelta(seconds=5)
ROUND_S = 2.0
JOBS_PER_SLICE = 500
# Nothing is deleted here: they are watched like what is, since nobody may find them late.
OVERDUE = [
    Retention("leases", Job.objects.running, "lease_until"),
    Retention("deadlines", Job.objects.queued, "deadline_at"),
]
# What the end of a job needs: results and texts may be megabytes.
COLUMNS = ("inputs", "state", "is_paid", "batch")


@dataclass(frozen=True)
class Swept:
    given_back: int = 0
    crashed: int = 0
    expired: int = 0
    woken: int = 0


def sweep() -> Swept:
    """One round; what another sweep has in hand is left to it."""
    budget = Budget(ROUND_S)
    swept = Swept(
        crashed=_in_slices(_end_crashed, budget),
        given_back=_in_slices(_give_back, budget),
        # After jobs were given back, since that is what workers are woken for.
        woken=_locked(_wake_again),
        expired=_in_slices(_expire, budget),
    )
    if swept != Swept():
        log.info("swept %s", swept)
    return swept


def _in_slices(step: Callable[[], int], budget: Budget) -> int:
    """Repeat a step until it finds less than a slice; how many jobs it found in all."""
    total = found = _locked(step)
    while found == JOBS_PER_SLICE and not budget.is_spent:
        found = _locked(step)
        total += found
    return total


def _locked(step: Callable[[], int]) -> int:
    with try_lock(LOCK) as is_locked:
        return step() if is_locked else 0


def _lost() -> JobQuerySet:
    return Job.objects.running().filter(lease_until__lt=Now())


def _end_crashed() -> int:
    return _fail(_lost().filter(attempt__gte=claims.MAX_ATTEMPTS), ErrorCode.WORKER_CRASHED)


def _give_back() -> int:
    """Queue the jobs of dead workers again; without `woken_at` this very sweep wakes for them."""
    lost = _lost().filter(attempt__lt=claims.MAX_ATTEMPTS)
    free = lost.select_for_update(skip_locked=True).values_list("pk", flat=True)[:JOBS_PER_SLICE]
    attempts = claims.EarlierAttempts(AttemptEnd.LOST)
    return lost.filter(pk__in=list(free)).update(**claims.UNCLAIMED, earlier_attempts=attempts)


def _expire() -> int:
    late = Job.objects.queued().filter(deadline_at__lt=Now())
    return _fail(late.order_by("deadline_at"), ErrorCode.DEADLINE)


def _fail(lost: JobQuerySet, code: ErrorCode) -> int:
    # A worker may be settling one of them at this moment: then it is not lost.
    jobs = list(lost.select_for_update(skip_locked=True).only(*COLUMNS)[:JOBS_PER_SLICE])
    ended = completion.end(jobs, state=State.FAILED, code=code)
    files = [name for job in ended for name in job.image_files]
    transaction.on_commit(lambda: image_files.delete(files))
    for job in ended:
        with log_context.bound(job=job.pk):
            log.info("job failed code=%s", code)
    return len(jobs)


def _wake_again() -> int:
    """One message for each model that has a job no worker seems to know of."""
    unheard = Q(woken_at__isnull=True) | Q(woken_at__lt=Now() - WAKE_AGAIN_AFTER)
    waiting = Job.objects.queued().filter(unheard)
    cards = list(ModelCard.objects.filter(pk__in=waiting.values("card")))
    waiting.update(woken_at=Now())
    transaction.on_commit(lambda: _wake_each(cards))
    return len(cards)


def _wake_each(cards: Sequence[ModelCard]) -> None:
    # Until the broker is away: the next sweep but one tries again.
    for card in cards:
        if not wake.workers_of(card):
            return
