"""What Celery runs. Tasks take ids, may run twice, and leave the rules to the verbs they call."""

import logging

from celery import shared_task

from inference import batches, worker
from inference import sweep as sweeping
from inference.models import Job

log = logging.getLogger(__name__)


@shared_task
def run_batch(job_id: str) -> None:
    """Run one batch of the model that this job waits for; most often the job itself is in it.

    If a batch took the job before this message came, the message still runs the next batch, or
    finds nothing to do: one look for the job and one at the queue.
    """
    job = Job.objects.select_related("card").filter(pk=job_id).first()
    if job is None:
        log.info("message for a deleted job id=%s", job_id)
        return
    batches.run_next(job.card, worker.encoder_of(job.card), worker=worker.name())


@shared_task
def sweep() -> None:
    """Give back, expire and ring again."""
    sweeping.sweep()


@shared_task
def tidy() -> None:
    """Delete what has been kept long enough."""
    sweeping.tidy()
