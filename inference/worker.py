"""What a Celery worker process holds: its encoders, its name and its heartbeat.

A worker loads its models before it starts to take messages (a Celery bootstep, see
config.celery), and announces a model only once it is loaded.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import close_old_connections
from django.db.models.functions import Now

from catalog.models import ModelCard
from inference import jobs, leases
from inference.models import Worker
from inference.runtime import errors, threads
from inference.runtime.encoder import Encoder
from inference.runtime.loading import load
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import find

log = logging.getLogger(__name__)

HEARTBEAT_S = 2.5
HUNG_AFTER_S = 90  # well past jobs.TIME_LIMIT, when the batch is somebody else's anyway

_encoders: dict[str, Encoder] = {}


class NotServed(Exception):
    """A message for a model that this worker has not loaded: its queues and models disagree."""


def name() -> str:
    """One name per process, by which the site and the logs tell workers apart."""
    return f"{socket.gethostname()}-{os.getpid()}"


def encoder_of(card: ModelCard) -> Encoder:
    try:
        return _encoders[card.repo]
    except KeyError:
        raise NotServed(f"this worker has not loaded {card.repo}") from None


def spec_of(card: ModelCard) -> ModelSpec:
    return ModelSpec(
        repo=card.repo,
        loader=Loader(card.loader),
        open_clip_model=card.open_clip_model,
        revision=card.revision,
    )


def cards_to_serve(wish: str) -> list[ModelCard]:
    """The cards of `repo,repo`; "auto" means those whose weights are on this machine."""
    if wish == "auto":
        cards = ModelCard.objects.order_by("repo")
        return [card for card in cards if find(spec_of(card), settings.MODEL_DIR)]
    repos = [repo.strip() for repo in wish.split(",") if repo.strip()]
    found = {card.repo: card for card in ModelCard.objects.filter(repo__in=repos)}
    if missing := [repo for repo in repos if repo not in found]:
        raise NotServed(f"no model card for {', '.join(missing)}; run `manage.py load_catalog`?")
    return [found[repo] for repo in repos]


def load_models(cards: Sequence[ModelCard]) -> list[ModelCard]:
    """Load each model; returns those that could not be, and raises EncoderError if that is all."""
    threads.limit_threads(settings.WORKER_THREADS or None)
    failed = [card for card in cards if not _load(card)]
    if not _encoders:
        names = ", ".join(card.repo for card in cards)
        raise errors.EncoderError(f"none of {names or 'no models'} could be loaded")
    return failed


def _load(card: ModelCard) -> bool:
    log.info("loading model=%s device=%s", card.repo, settings.WORKER_DEVICE)
    try:
        _encoders[card.repo] = load(
            spec_of(card),
            model_dir=settings.MODEL_DIR,
            cache_dir=settings.CACHE_DIR,
            device=settings.WORKER_DEVICE,
        )
    except errors.EncoderError as error:
        log.error("not serving model=%s: %s", card.repo, error)
        return False
    return True


def announce() -> None:
    """Tell the site that this worker lives and what it has loaded."""
    seen = {"pid": os.getpid(), "device": settings.WORKER_DEVICE, "repos": sorted(_encoders)}
    Worker.objects.update_or_create(name=name(), defaults=seen | {"seen_at": Now()})


def withdraw() -> None:
    Worker.objects.filter(name=name()).delete()


class Heartbeat(threading.Thread):
    """Announces the worker and renews the lease of its batch while the main thread computes."""

    def __init__(self) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(HEARTBEAT_S):
            try:
                _beat()
            except Exception:  # the edge of the thread: without it the worker would seem dead
                log.exception("heartbeat missed")
            finally:
                close_old_connections()


def _beat() -> None:
    held = leases.in_hand()
    if held and held.age_s > HUNG_AFTER_S:
        # Code that hangs in C cannot be interrupted, only replaced: the supervisor starts anew.
        log.critical("batch hangs, giving up worker=%s age_s=%.0f", name(), held.age_s)
        os._exit(1)
    announce()
    if held:
        jobs.renew(held.token)


class Serving(bootsteps.StartStopStep):
    """Loads models before the consumer takes its first message. Workers without models skip it."""

    # Celery passes its worker and whatever options it was given.
    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = bool(settings.SERVE_REPOS)

    def start(self, parent: Any) -> None:
        for card in load_models(cards_to_serve(",".join(settings.SERVE_REPOS))):
            # Its messages belong to a worker that can answer them.
            parent.app.amqp.queues.deselect(card.queue)
        announce()
        self.heartbeat = Heartbeat()
        self.heartbeat.start()
        log.info("worker serves name=%s models=%s", name(), sorted(_encoders))

    def stop(self, parent: Any) -> None:
        """Let the last heartbeat end first: it would announce what was just withdrawn."""
        self.heartbeat.stopped.set()
        self.heartbeat.join(timeout=HEARTBEAT_S)
        withdraw()
