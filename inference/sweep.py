"""The periodic sweep: lost leases come back, late jobs end, unsent messages go out.

Several sweeps at once do no harm, but one is enough: an advisory lock lets the others leave.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Q, Window
from django.db.models.functions import Mod, Now, RowNumber
from django.utils import timezone

from inference import jobs
from inference.models import FINAL, ErrorCode, Job, JobQuerySet, State, Worker

log = logging.getLogger(__name__)

LOCK = 4_201_001  # any number of our own
RING_AGAIN_AFTER = timedelta(seconds=10)
RINGS_PER_SWEEP = 200
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
    with _alone() as is_alone:
        if not is_alone:
            return Swept()
        swept = Swept(
            crashed=_end_crashed(), given_back=_give_back(), expired=_expire(), rung=_ring_again()
        )
    if swept != Swept():
        log.info("swept %s", swept)
    return swept


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold the sweep's lock for one transaction; yields False if somebody else has it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        row = cursor.fetchone()
        yield bool(row and row[0])


def _end_crashed() -> int:
    spent = Job.objects.running().filter(lease_until__lt=Now(), attempt__gte=jobs.MAX_ATTEMPTS)
    return _fail_all(spent, ErrorCode.WORKER_CRASHED)


def _give_back() -> int:
    """Queue the jobs of dead workers again; `rung_at` is cleared, so that this sweep rings them."""
    lost = Job.objects.running().filter(lease_until__lt=Now(), attempt__lt=jobs.MAX_ATTEMPTS)
    return lost.update(**jobs.UNCLAIMED)


def _expire() -> int:
    return _fail_all(Job.objects.queued().filter(deadline_at__lt=Now()), ErrorCode.DEADLINE)


def _fail_all(lost: JobQuerySet, code: ErrorCode) -> int:
    ended = [
        job
        for job in lost
        if jobs.finish(lost.filter(pk=job.pk), state=State.FAILED, error_code=code)
    ]
    for job in ended:
        transaction.on_commit(lambda job=job: jobs.drop_picture(job))  # type: ignore[misc]
        log.info("job failed id=%s code=%s", job.pk, code)
    return len(ended)


def _ring_again() -> int:
    """One message for each batch that waits: more would only pile up behind a busy worker."""
    unheard = Q(rung_at__isnull=True) | Q(rung_at__lt=Now() - RING_AGAIN_AFTER)
    place = Window(RowNumber(), partition_by="card", order_by=["created_at", "pk"])
    waiting = Job.objects.queued().filter(unheard).annotate(place=place - 1)
    firsts = waiting.annotate(place_in_batch=Mod("place", settings.BATCH_IMAGES)).filter(
        place_in_batch=0
    )
    batches = list(firsts.select_related("card").oldest_first()[:RINGS_PER_SWEEP])
    transaction.on_commit(lambda: _ring_each(batches))
    return len(batches)


def _ring_each(batches: Sequence[Job]) -> None:
    """Until the broker is away: the next sweep tries again."""
    for job in batches:
        if not jobs.ring(job):
            return


def tidy() -> int:
    """Delete what is no longer needed: old playground jobs, files without a job, stale sessions.

    Files go before their rows: a crash in between is mended by the next round.
    """
    kept_for = timedelta(hours=settings.PLAYGROUND_KEEP_HOURS)
    old = list(Job.objects.final().filter(finished_at__lt=Now() - kept_for)[:ROWS_PER_TIDY])
    for job in old:
        default_storage.delete(job.preview_name)
        default_storage.delete(job.picture_name)
    Job.objects.filter(pk__in=[job.pk for job in old]).delete()
    _delete_orphans()
    Worker.objects.filter(seen_at__lt=Now() - FORGET_WORKERS_AFTER).delete()
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
    """The job's id in a file's name."""
    return name.removesuffix(".jpg")


def _files(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return []
