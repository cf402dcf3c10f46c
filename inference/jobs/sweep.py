"""The periodic sweep: lost leases come back, late jobs fail, lost messages are sent again.

Several sweeps at once do no harm, but one is enough: an advisory lock lets the others leave.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from catalog.infrastructure import log_context
from catalog.infrastructure.locks import try_lock
from catalog.models import ModelCard
from inference.jobs import claims, completion, image_files, wake
from inference.models import ErrorCode, Job, JobQuerySet, State

log = logging.getLogger(__name__)

LOCK = "inference.sweep"
WAKE_AGAIN_AFTER = timedelta(seconds=5)


@dataclass(frozen=True)
class Swept:
    given_back: int = 0
    crashed: int = 0
    expired: int = 0
    woken: int = 0


def sweep() -> Swept:
    """One round; does nothing if another is under way."""
    with try_lock(LOCK) as is_locked:
        if not is_locked:
            return Swept()
        swept = Swept(
            crashed=_end_crashed(), given_back=_give_back(), expired=_expire(), woken=_wake_again()
        )
    if swept != Swept():
        log.info("swept %s", swept)
    return swept


def _end_crashed() -> int:
    spent = Job.objects.running().filter(lease_until__lt=Now(), attempt__gte=claims.MAX_ATTEMPTS)
    return _fail(spent, ErrorCode.WORKER_CRASHED)


def _give_back() -> int:
    """Queue the jobs of dead workers again; without `woken_at` this very sweep wakes for them."""
    lost = Job.objects.running().filter(lease_until__lt=Now(), attempt__lt=claims.MAX_ATTEMPTS)
    free = list(lost.select_for_update(skip_locked=True).values_list("pk", flat=True))
    return lost.filter(pk__in=free).update(**claims.UNCLAIMED)


def _expire() -> int:
    return _fail(Job.objects.queued().filter(deadline_at__lt=Now()), ErrorCode.DEADLINE)


def _fail(lost: JobQuerySet, code: ErrorCode) -> int:
    # A worker may be settling one of them at this moment: then it is not lost.
    jobs = list(lost.select_for_update(skip_locked=True))
    ended = completion.end(jobs, state=State.FAILED, code=code)
    files = [name for job in ended for name in job.image_files]
    transaction.on_commit(lambda: image_files.delete(files))
    for job in ended:
        with log_context.bound(job=job.pk):
            log.info("job failed code=%s", code)
    return len(ended)


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
