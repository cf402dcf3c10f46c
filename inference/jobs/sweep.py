"""The periodic sweep: lost leases come back, late jobs end, unsent messages go out.

Several sweeps at once do no harm, but one is enough: an advisory lock lets the others leave.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from catalog.infrastructure.locks import try_lock
from catalog.models import ModelCard
from inference import jobs
from inference.jobs import claims, wake
from inference.models import FINAL, ErrorCode, IdempotentCall, Job, JobQuerySet, Worker

log = logging.getLogger(__name__)

LOCK = "inference.sweep"
RING_AGAIN_AFTER = timedelta(seconds=5)
FORGET_WORKERS_AFTER = timedelta(days=1)
ORPHAN_AFTER = timedelta(hours=1)
ROWS_PER_TIDY = 1000


@dataclass(frozen=True)
class Swept:
    """What one sweep moved."""

    given_back: int = 0
    crashed: int = 0
    expired: int = 0
    rung: int = 0


def sweep() -> Swept:
    """One round; does nothing if another is under way."""
    with try_lock(LOCK) as is_locked:
        if not is_locked:
            return Swept()
        swept = Swept(
            crashed=_end_crashed(), given_back=_give_back(), expired=_expire(), rung=_ring_again()
        )
    if swept != Swept():
        log.info("swept %s", swept)
    return swept


def _end_crashed() -> int:
    spent = Job.objects.running().filter(lease_until__lt=Now(), attempt__gte=claims.MAX_ATTEMPTS)
    return _fail_all(spent, ErrorCode.WORKER_CRASHED)


def _give_back() -> int:
    """Queue the jobs of dead workers again; `rung_at` is cleared, so that this sweep rings them."""
    lost = Job.objects.running().filter(lease_until__lt=Now(), attempt__lt=claims.MAX_ATTEMPTS)
    free = list(lost.select_for_update(skip_locked=True).values_list("pk", flat=True))
    return lost.filter(pk__in=free).update(**claims.UNCLAIMED)


def _expire() -> int:
    return _fail_all(Job.objects.queued().filter(deadline_at__lt=Now()), ErrorCode.DEADLINE)


def _fail_all(lost: JobQuerySet, code: ErrorCode) -> int:
    # A worker may be settling one of them at this moment: then it is not lost.
    ended = jobs.fail(lost, list(lost.select_for_update(skip_locked=True)), code)
    for job in ended:
        transaction.on_commit(lambda job=job: jobs.drop_pictures(job))  # type: ignore[misc]
        log.info("job failed id=%s code=%s", job.pk, code)
    return len(ended)


def _ring_again() -> int:
    """One message for each model that has a job nobody was told of."""
    unheard = Q(rung_at__isnull=True) | Q(rung_at__lt=Now() - RING_AGAIN_AFTER)
    waiting = Job.objects.queued().filter(unheard)
    cards = list(ModelCard.objects.filter(pk__in=waiting.values("card")))
    waiting.update(rung_at=Now())
    transaction.on_commit(lambda: _ring_each(cards))
    return len(cards)


def _ring_each(cards: Sequence[ModelCard]) -> None:
    """Until the broker is away: the next sweep but one tries again."""
    for card in cards:
        if not wake.ring_for(card):
            return


def tidy() -> int:
    """Delete what is no longer needed: old playground jobs, files without a job, stale sessions.

    Files go before their rows: a crash in between is mended by the next round.
    """
    kept_for = timedelta(hours=settings.PLAYGROUND_KEEP_HOURS)
    old = list(Job.objects.final().filter(finished_at__lt=Now() - kept_for)[:ROWS_PER_TIDY])
    for job in old:
        default_storage.delete(job.preview_name)
        jobs.drop_pictures(job)
    Job.objects.filter(pk__in=[job.pk for job in old]).delete()
    _delete_orphans()
    Worker.objects.filter(seen_at__lt=Now() - FORGET_WORKERS_AFTER).delete()
    IdempotentCall.objects.old().delete()
    Session.objects.filter(expire_date__lt=Now()).delete()
    return len(old)


def _delete_orphans() -> None:
    """Pictures of jobs that have ended, and any file of a job that is gone.

    A crash between two steps leaves them; a young file may belong to a row not yet committed.
    """
    before = timezone.now() - ORPHAN_AFTER
    files = {folder: _files(folder) for folder in ("pictures", "previews")}
    open_jobs = set(Job.objects.exclude(state__in=FINAL).values_list("pk", flat=True))
    kept = {"pictures": open_jobs, "previews": set(Job.objects.values_list("pk", flat=True))}
    for folder, names in files.items():
        wanted = {str(pk) for pk in kept[folder]}
        for path in (f"{folder}/{name}" for name in names if _stem(name) not in wanted):
            if default_storage.get_modified_time(path) < before:
                default_storage.delete(path)
                log.info("orphan deleted path=%s", path)


def _stem(name: str) -> str:
    """The job's id in a file's name: 36 characters, then the input's place or `.jpg`."""
    return name[:36]


def _files(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return []
