"""What Celery runs for the catalog. Tasks may run twice, and leave the rules to their verbs."""

import logging

from celery import shared_task

from catalog.demand import requests, waitlist
from catalog.hub import sync
from catalog.hub.client import Hub
from catalog.mail import sending
from catalog.models import ModelRequest

log = logging.getLogger(__name__)

HUB_CARDS_A_RUN = 4


@shared_task
def send_mail() -> None:
    """Send mail that has just been queued."""
    sending.send_due()


@shared_task
def sweep_mail() -> None:
    """Send what no message was sent for, give up what is too old, forget what is done."""
    sending.send_due()
    sending.tidy()


@shared_task
def purge_waitlist() -> None:
    """Forget who never confirmed, and addresses that wait for nothing."""
    waitlist.purge()


@shared_task
def sync_hub() -> None:
    """Read a few cards that the hub was not asked for today: it comes by all day, for all of them.

    The housekeeper has one pair of hands. So it takes short turns, and neither waits for a busy
    hub nor long for a slow one: the rest keeps until the next turn.
    """
    cards = sync.some_not_read_today(HUB_CARDS_A_RUN)
    outcomes = list(sync.sync(cards, _impatient_hub(), stop_after=1))
    for outcome in outcomes:
        if not outcome.was_read:
            log.warning("not read from the hub repo=%s: %s", outcome.repo, outcome.trouble)
    log.info(sync.summary(outcomes, wanted=len(cards)))


@shared_task
def check_request(request_id: int) -> None:
    """Look up a model that somebody has just asked for."""
    request = ModelRequest.objects.filter(pk=request_id).first()
    if request is not None:
        requests.check(request, _impatient_hub())


@shared_task
def sweep_requests() -> None:
    """Check what no message was sent for, and what the hub was away for."""
    requests.sweep(_impatient_hub())


def _impatient_hub() -> Hub:
    # Each step of a request may take some seconds. A busy hub, which says when to come back, is
    # not waited for: the housekeeper has other things to do.
    return Hub.from_settings(timeout_s=5, most_wait_s=0)
