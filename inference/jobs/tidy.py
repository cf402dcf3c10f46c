"""Deletes what is no longer needed: old jobs, files without a job, workers and sessions of old.

Files go before their rows: a crash in between is mended by the next round.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.utils import timezone

from catalog.infrastructure import storage
from inference.jobs import image_files
from inference.models import IdempotentCall, Job, Worker

log = logging.getLogger(__name__)

FORGET_WORKERS_AFTER = timedelta(days=1)
ORPHAN_AFTER = timedelta(hours=1)
ROWS_PER_ROUND = 1000
NAMES_PER_QUERY = 1000


def tidy() -> int:
    """Delete what is due; returns the number of jobs."""
    kept_for = timedelta(hours=settings.PLAYGROUND_KEEP_HOURS)
    old = list(Job.objects.final().filter(finished_at__lt=Now() - kept_for)[:ROWS_PER_ROUND])
    image_files.delete(name for job in old for name in (*job.image_files, job.preview_file))
    Job.objects.filter(pk__in=[job.pk for job in old]).delete()
    Worker.objects.filter(seen_at__lt=Now() - FORGET_WORKERS_AFTER).delete()
    IdempotentCall.objects.old().delete()
    Session.objects.filter(expire_date__lt=Now()).delete()
    return len(old)


def delete_orphans() -> int:
    """Delete files that no job needs; returns their number.

    A process that dies between two steps leaves them, and nothing else does: this may list
    folders, because it runs once an hour. A young file may belong to a row not yet committed.
    """
    before = timezone.now() - ORPHAN_AFTER
    orphans = [name for names in _names() for name in _unwanted(names)]
    deleted = image_files.delete(name for name in orphans if storage.is_older(name, before))
    for name in deleted:
        log.info("orphan deleted file=%s", name)
    return len(deleted)


def _names() -> Iterator[Sequence[str]]:
    for folder in (image_files.IMAGES, image_files.PREVIEWS):
        names = storage.names_in(folder)
        for start in range(0, len(names), NAMES_PER_QUERY):
            yield names[start : start + NAMES_PER_QUERY]


def _unwanted(names: Sequence[str]) -> list[str]:
    ids = {job_id for name in names if (job_id := image_files.job_of(name))}
    wanted: set[str] = set()
    for job in Job.objects.filter(pk__in=ids).only("inputs", "preview_file", "state"):
        wanted |= {job.preview_file} | set(() if job.is_final else job.image_files)
    return [name for name in names if name not in wanted]
