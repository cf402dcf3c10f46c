"""What Celery runs. Tasks take ids, may run twice, and leave the rules to the verbs they call."""

import logging
import uuid

from celery import shared_task

from catalog.infrastructure import log_context, prepared, storage_probe
from catalog.infrastructure.retention import Budget
from catalog.models import ModelCard
from inference import personal_data
from inference.api.batches import advance
from inference.batches import fetching
from inference.batches import tidy as batches
from inference.comparing import deletion as comparisons
from inference.jobs import sweep as sweeping
from inference.jobs import tidy as tidying
from inference.outbound import fetch_queue
from inference.status import recording
from inference.webhooks import sending
from inference.worker import loop, process, served_models

log = logging.getLogger(__name__)

# Of one round of deleting what is due; the next one comes soon.
ROUND_S = 10.0
# The next one comes two seconds after this one began: others' housekeeping goes between.
BATCHES_ROUND_S = 1.0
# Asked with each message.
CARD = f"""
SELECT {prepared.columns(ModelCard, "card")} FROM catalog_modelcard AS card WHERE id = %s
"""  # noqa: S608  columns of ours


@shared_task
def run_batches(card_id: int) -> None:
    """Run what is queued for this model; finding nothing costs one look at the queue."""
    card = prepared.instance(ModelCard, CARD, [card_id])
    if card is None:
        log.info("message for a deleted model id=%s", card_id)
        return
    with log_context.bound(model=card.repo, worker=process.name()):
        loop.drain(
            served_models.get(card),
            worker=process.name(),
            beside=lambda: served_models.loaded_beside(card),
            is_stopping=process.is_stopping,
        )


@shared_task
def sweep() -> None:
    """Give lost leases back, fail late jobs, wake workers again."""
    sweeping.sweep()


@shared_task
def advance_batches() -> None:
    """The next steps of batches: read lines, queue them, write up what was answered."""
    advance.advance(Budget(BATCHES_ROUND_S))


@shared_task
def tidy() -> None:
    budget = Budget(ROUND_S)
    batches.tidy(budget)
    # They take their jobs along, so they go first.
    comparisons.RETENTION.delete_due(budget)
    tidying.tidy(budget)


@shared_task
def tidy_fetched() -> None:
    fetch_queue.tidy()


@shared_task
def delete_orphans() -> None:
    tidying.delete_orphans()
    batches.delete_orphans()


@shared_task
def mark_storage() -> None:
    """Workers that have missed a file come back when they see the marker. While all have withdrawn
    nobody submits, so whoever stores images may not be there to leave it.
    """
    storage_probe.leave_marker()


@shared_task
def record_status() -> None:
    recording.record()
    recording.tidy(Budget(ROUND_S))


@shared_task
def forget_texts() -> None:
    personal_data.forget_texts_of_the_erased()


# The rest, and tidy_fetched, run in the queues `fetch` and `webhooks`: they connect to strangers.


@shared_task
def fetch_images(key: str, urls: list[str], skips_refused: bool = False) -> None:
    if not fetch_queue.is_awaited(uuid.UUID(key)):
        log.info("image urls not fetched, nobody waits for them count=%d", len(urls))
        return
    fetch_queue.serve(uuid.UUID(key), urls, skips_refused=skips_refused)


@shared_task
def fetch_images_of_batch(part_id: str, urls: list[str]) -> None:
    fetching.serve(uuid.UUID(part_id), urls)


@shared_task
def send_webhooks() -> None:
    sending.send_due()


@shared_task
def sweep_webhooks() -> None:
    """Send what no message was sent for and what failed before; forget what is done."""
    sending.send_due()
    sending.tidy(Budget(ROUND_S))
