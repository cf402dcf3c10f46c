"""Wakes a model's workers: one message for however many jobs have gathered.

A flag in the cache says that a message is under way. Whoever takes the message lowers the flag
first and looks at the queue after, so a job that found the flag up is seen by that look. A flag
that was left up by a lost message falls by itself, and the sweep rings for what nobody heard.
"""

import logging

from celery import current_app
from django.core.cache import cache
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from catalog.models import ModelCard
from inference.models import Job

log = logging.getLogger(__name__)

RUN_BATCHES = "inference.tasks.run_batches"  # by name: tasks import what rings, not the reverse
UNDER_WAY_S = 2


def ring(job: Job) -> bool:
    """Wake a worker for this job. False, and a line in the log: the broker is away."""
    if ring_for(job.card):
        return True
    Job.objects.queued().filter(pk=job.pk).update(rung_at=None)  # for the sweep
    return False


def ring_for(card: ModelCard) -> bool:
    """Wake a worker of this model, unless a message is already under way."""
    if not _raise_flag(card):
        return True
    try:
        # Without retries: a visitor is waiting, and the sweep rings again within seconds.
        current_app.send_task(RUN_BATCHES, args=[card.pk], queue=card.queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker away model=%s error=%s", card.repo, error)
        heard(card)
        return False
    return True


def heard(card: ModelCard) -> None:
    """The message has come; from now on others may ring."""
    try:
        cache.delete(_flag(card))
    except RedisError as error:
        log.warning("flag not lowered model=%s error=%s", card.repo, error)


def _raise_flag(card: ModelCard) -> bool:
    """True: it was down. Without a cache every job rings for itself."""
    try:
        return bool(cache.add(_flag(card), 1, timeout=UNDER_WAY_S))
    except RedisError:
        return True


def _flag(card: ModelCard) -> str:
    return f"rung:{card.queue}"
