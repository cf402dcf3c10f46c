"""How a comparison ends: canceled, deleted by its owner, or by itself after a day.

Its jobs, with their previews, go with it.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.db.models.functions import Now

from catalog.infrastructure.retention import Retention
from inference import jobs
from inference.jobs import image_files, records
from inference.models import OPEN, Comparison, Job, JobQuerySet, State


def cancel(comparison: Comparison) -> int:
    """Take no more photos, and end the jobs that are open; how many."""
    Comparison.objects.filter(pk=comparison.pk, canceled_at__isnull=True).update(canceled_at=Now())
    return _end(_jobs_of([comparison]))


def delete(comparison: Comparison) -> None:
    _delete_jobs([comparison])
    comparison.delete()


def _delete_jobs(comparisons: Sequence[Model]) -> None:
    # First, so that no photo that is just arriving leaves a job behind.
    pks = [comparison.pk for comparison in comparisons]
    Comparison.objects.filter(pk__in=pks, canceled_at__isnull=True).update(canceled_at=Now())
    own = _jobs_of(comparisons)
    _end(own)
    rows = list(own.only("inputs", "preview_file"))
    names = [name for job in rows for name in (*job.image_files, job.preview_file)]
    # At once, or when the transaction that erases a person commits.
    transaction.on_commit(lambda: image_files.delete(names))
    records.keep([job.pk for job in rows])
    Job.objects.filter(pk__in=[job.pk for job in rows]).defer("result", "vectors").delete()


def _end(own: JobQuerySet) -> int:
    ended = jobs.end(list(own.filter(state__in=OPEN)), state=State.CANCELLED)
    names = [name for job in ended for name in job.image_files]
    transaction.on_commit(lambda: image_files.delete(names))
    return len(ended)


def _jobs_of(comparisons: Sequence[Model]) -> JobQuerySet:
    pks = [comparison.pk for comparison in comparisons]
    return Job.objects.filter(compared_answer__photo__comparison__in=pks)


RETENTION = Retention(
    "comparisons",
    Comparison.objects.all,
    "created_at",
    lambda: timedelta(hours=settings.PLAYGROUND_KEEP_HOURS),
    before=_delete_jobs,
)
