"""What Celery runs for the catalog. Tasks may run twice, and leave the rules to their verbs."""

import logging

from celery import shared_task

from catalog.demand import model_requests, waitlist
from catalog.hub import sync
from catalog.hub.client import Hub
from catalog.infrastructure.retention import Budget
from catalog.mail import sending
from catalog.models import ModelRequest

log = logging.getLogger(__name__)

HUB_CARDS_A_RUN = 4
# Of one round of deleting what is due; the next one comes soon.
ROUND_S = 5.0


@shared_task
def send_mail() -> None:
    sending.send_due()


@shared_task
def sweep_mail() -> None:
    """Send what no message was sent for."""
    sending.send_due()


@shared_task
def send_bulk_mail() -> None:
    """Send a little of what goes to many; give up what is too old, forget what is done."""
    sending.send_bulk()
    sending.tidy(Budget(ROUND_S))


@shared_task
def purge_waitlist() -> None:
    """Forget who never confirmed, and addresses that wait for nothing."""
    waitlist.purge(Budget(ROUND_S))


@shared_task
def sync_hub() -> None:
    """Read a few of the cards that the hub was not asked for today."""
    # A few at a time, all day long: one worker does all housekeeping, and mail must not wait for
    # the hub.
    cards = sync.some_not_read_today(HUB_CARDS_A_RUN)
    outcomes = list(sync.sync(cards, _impatient_hub(), stop_after=1))
    for outcome in outcomes:
        if not outcome.was_read:
            log.warning("not read from the hub repo=%s: %s", outcome.repo, outcome.trouble)
    log.info(sync.summary(outcomes, total=len(cards)))


@shared_task
def check_request(request_id: int) -> None:
    request = ModelRequest.objects.filter(pk=request_id).first()
    if request is not None:
        model_requests.check(request, _impatient_hub())


@shared_task
def sweep_requests() -> None:
    model_requests.sweep(_impatient_hub())


def _impatient_hub() -> Hub:
    # A slow hub may take some seconds for each step. A busy one, which says when to come back, is
    # not waited for: the next run asks again.
    return Hub.from_settings(timeout_s=5, most_wait_s=0)
