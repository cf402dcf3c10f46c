"""Ends what goes on in the name of somebody who is suspended: queued, running, and in batches."""

from django.db import transaction

from accounts.models import User
from inference import jobs
from inference.batches import lifecycle
from inference.jobs import image_files
from inference.models import OPEN, Batch, Job, State

JOBS_PER_STEP = 500


def end_work(user: User) -> int:
    """Cancel all that is open, which is not charged; how many jobs there were.

    Nothing new comes meanwhile: the wallet is frozen, and the account takes no batch.
    """
    for batch in Batch.objects.of(user.pk).open():
        lifecycle.cancel(batch)
    ended = 0
    while step := _end_some(user):
        ended += step
    return ended


@transaction.atomic
def _end_some(user: User) -> int:
    """All jobs before any credit, as a worker locks them."""
    open_jobs = Job.objects.filter(owner=user, state__in=OPEN).only("inputs", "is_paid", "batch")
    ended = jobs.end(list(open_jobs.order_by("pk")[:JOBS_PER_STEP]), state=State.CANCELLED)
    names = [name for job in ended for name in job.image_files]
    transaction.on_commit(lambda: image_files.delete(names))
    return len(ended)
