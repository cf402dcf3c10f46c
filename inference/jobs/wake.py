"""Wakes a model's workers: one message for however many jobs have gathered.

A mark in the cache says that a message is under way. Whoever takes the message removes the mark
first and looks at the queue after, so a job that found the mark is seen by that look. A mark that
a lost message left behind expires, and the sweep wakes again for jobs that nobody has looked at.
"""

import logging

from django.core.cache import cache
from redis.exceptions import RedisError

from catalog.infrastructure import broker
from catalog.models import ModelCard
from inference.models import Job

log = logging.getLogger(__name__)

RUN_BATCHES = "inference.tasks.run_batches"  # by name: tasks import this module
UNDER_WAY_S = 2


def workers_for(job: Job) -> bool:
    # Wake a worker for this job. False: the broker is away.
    if workers_of(job.card):
        return True
    Job.objects.queued().filter(pk=job.pk).update(woken_at=None)  # for the sweep
    return False


def workers_of(card: ModelCard) -> bool:
    if not _mark(card):
        return True
    if broker.send(RUN_BATCHES, card.pk, queue=card.queue, is_wake=True):
        return True
    acknowledge(card)
    return False


def acknowledge(card: ModelCard) -> None:
    # The message has come; from now on others may send one.
    try:
        cache.delete(_cache_key(card))
    except RedisError as error:
        log.warning("mark not removed model=%s error=%s", card.repo, error)


def _mark(card: ModelCard) -> bool:
    """True: there was none. Without a cache every job sends a message of its own."""
    try:
        return bool(cache.add(_cache_key(card), 1, timeout=UNDER_WAY_S))
    except RedisError:
        return True


def _cache_key(card: ModelCard) -> str:
    return f"wake:{card.queue}"
