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
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.db.models.functions import Now

from catalog.models import ModelCard
from inference import jobs
from inference.models import Worker
from inference.runtime import errors, threads
from inference.runtime.encoder import Encoder
from inference.runtime.loading import load
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import find

log = logging.getLogger(__name__)

HEARTBEAT_S = 2.5

_encoders: dict[str, Encoder] = {}


class NotServed(Exception):
    """A message for a model that this worker has not loaded: its queues and models disagree."""


def name() -> str:
    """One name per process: two workers that shared one would renew each other's leases."""
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


def load_models(repos: Sequence[str]) -> None:
    """Load each model, keeping the ones that work; raises EncoderError if none does."""
    threads.limit_threads(settings.WORKER_THREADS or None)
    for card in cards_to_serve(",".join(repos)):
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
    if not _encoders:
        raise errors.EncoderError(f"none of {', '.join(repos) or 'no models'} could be loaded")


def announce() -> None:
    """Tell the site that this worker lives and what it has loaded."""
    seen = {"pid": os.getpid(), "device": settings.WORKER_DEVICE, "repos": sorted(_encoders)}
    Worker.objects.update_or_create(name=name(), defaults=seen | {"seen_at": Now()})


def withdraw() -> None:
    Worker.objects.filter(name=name()).delete()


class Heartbeat(threading.Thread):
    """Announces the worker and renews the leases of its batch while the main thread computes."""

    def __init__(self) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(HEARTBEAT_S):
            try:
                announce()
                jobs.renew_leases(name())
            except DatabaseError as error:
                log.warning("heartbeat missed: %s", error)
            finally:
                close_old_connections()


class Serving(bootsteps.StartStopStep):
    """Loads models before the consumer takes its first message. Workers without models skip it."""

    # Celery passes its worker and whatever options it was given.
    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.repos = [repo for repo in os.environ.get("SERVE_REPOS", "").split(",") if repo]
        self.enabled = bool(self.repos)

    def start(self, parent: Any) -> None:
        load_models(self.repos)
        announce()
        self.heartbeat = Heartbeat()
        self.heartbeat.start()
        log.info("worker serves name=%s models=%s", name(), sorted(_encoders))

    def stop(self, parent: Any) -> None:
        self.heartbeat.stopped.set()
        withdraw()
