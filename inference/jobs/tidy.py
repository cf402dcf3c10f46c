"""Deletes what is no longer needed: old jobs, files without a job, workers and sessions of old.

Files go before their rows: a crash in between is mended by the next round.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from catalog.infrastructure import storage
from catalog.infrastructure.retention import Budget, Retention
from inference.jobs import image_files, records
from inference.models import IdempotentCall, Job, PictureDraft, WaitedCall, Worker
from inference.models.idempotency import KEPT_FOR, WAITED_KEPT_FOR

log = logging.getLogger(__name__)

ORPHAN_AFTER = timedelta(hours=1)
NAMES_PER_QUERY = 1000


def _keep_records_and_delete_files(jobs: Sequence[Any]) -> None:
    records.keep([job.pk for job in jobs])
    image_files.delete(name for job in jobs for name in (*job.image_files, job.preview_file))


def _delete_drafts(drafts: Sequence[Any]) -> None:
    storage.delete(draft.file for draft in drafts)


RETENTIONS = [
    Retention(
        "jobs",
        # Their results are megabytes that nobody reads here.
        lambda: Job.objects.final().read_by_nobody().only("inputs", "preview_file"),
        "finished_at",
        lambda: timedelta(hours=settings.PLAYGROUND_KEEP_HOURS),
        before=_keep_records_and_delete_files,
    ),
    Retention(
        "pictures of forms with an error",
        PictureDraft.objects.all,
        "created_at",
        timedelta(hours=1),
        before=_delete_drafts,
    ),
    records.RETENTION,
    Retention("workers", Worker.objects.all, "seen_at", timedelta(days=1)),
    Retention("idempotency keys", IdempotentCall.objects.all, "created_at", KEPT_FOR),
    Retention("waited calls", WaitedCall.objects.all, "created_at", WAITED_KEPT_FOR),
    Retention("sessions", Session.objects.all, "expire_date"),
]


def tidy(budget: Budget) -> int:
    """Delete what is due while there is time; returns the number of rows."""
    return sum(retention.delete_due(budget) for retention in RETENTIONS)


def delete_orphans(*, older_than: timedelta = ORPHAN_AFTER) -> int:
    """Delete files that no job needs; returns their number.

    A process that dies between two steps leaves them, and nothing else does: this may list
    folders, because it runs once an hour. A young file may belong to a row not yet committed.
    """
    before = timezone.now() - older_than
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
