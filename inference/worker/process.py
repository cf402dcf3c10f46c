"""What a Celery worker process holds: its models, its name and its heartbeat.

A worker loads its models before it starts to take messages (a Celery bootstep, see
config.celery). Where MODEL_MEMORY_MB does not hold all of them, those that were used last stay
loaded and the others are loaded when a message comes; it announces both, and withdraws a model that
can no longer be loaded.
"""

import faulthandler
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import close_old_connections
from django.db.models.functions import Now

from catalog.models import ModelCard
from inference.jobs import claims
from inference.models import Worker
from inference.runtime import devices, errors, loading, process_stats
from inference.runtime.cpu import threads
from inference.runtime.images.preprocessing import Method
from inference.runtime.model_cache import ModelCache
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights.store import find
from inference.worker import leases
from inference.worker.loop import Server
from inference.worker.text_cache import TextMemory

log = logging.getLogger(__name__)

HEARTBEAT_S = 2.5
# From then on nothing that the batch finds can count: its lease is over.
HUNG_AFTER_S = (claims.TIME_LIMIT + claims.LEASE).total_seconds()
STDERR = 2

# What this worker answers for, and what of it is loaded now.
_cards: dict[str, ModelCard] = {}
_model_cache: ModelCache[Server] = ModelCache(
    weight=lambda server: server.memory.encoder.parameter_bytes
)
_on_leaving: list[Callable[[str], None]] = []  # called with the queue of a model we gave up


class NotServed(Exception):
    """A message for a model that this worker cannot run: its queues and models disagree."""


def name() -> str:
    """One name per process, by which the site and the logs tell workers apart."""
    return f"{socket.gethostname()}-{os.getpid()}"


def server_of(card: ModelCard) -> Server:
    """The model, loaded now if it is not; raises NotServed."""
    if card.repo not in _cards:
        raise NotServed(f"this worker does not serve {card.repo}")
    if card.repo not in _model_cache and not _load(card):
        _stop_serving(card)
        raise NotServed(f"this worker could not load {card.repo} again")
    server = _model_cache.take(card.repo)
    server.card = card  # as it is now: it may have been deleted and made again since we loaded it
    return server


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
    """Load each model that fits; returns those that cannot be served.

    What does not fit beside the others is loaded when it is asked for. Raises EncoderError if
    nothing at all can be served.
    """
    threads.limit_threads(settings.WORKER_THREADS or None)
    _model_cache.budget_bytes = settings.MODEL_MEMORY_MB * 1024 * 1024
    failed = [card for card in cards if not _take_on(card)]
    if not _cards:
        names = ", ".join(card.repo for card in cards)
        raise errors.EncoderError(f"none of {names or 'no models'} could be loaded")
    return failed


def options() -> loading.Options:
    return loading.Options(
        device=settings.WORKER_DEVICE,
        dtype=settings.DTYPE,
        preprocessing=Method(settings.PREPROCESSING),
        is_compiled=settings.COMPILE,
        is_packed=settings.PACK_WEIGHTS,
    )


def _take_on(card: ModelCard) -> bool:
    is_full = bool(_model_cache) and not _model_cache.has_room(_expected_bytes(card))
    if is_full and find(spec_of(card), settings.MODEL_DIR):
        log.info("no room now, will be loaded when asked for model=%s", card.repo)
    elif not _load(card):
        return False
    _cards[card.repo] = card
    return True


def _load(card: ModelCard) -> bool:
    log.info("loading model=%s device=%s", card.repo, settings.WORKER_DEVICE)
    try:
        _forget(_model_cache.make_room(_expected_bytes(card)))
        encoder = loading.load(
            spec_of(card),
            model_dir=settings.MODEL_DIR,
            cache_dir=settings.CACHE_DIR,
            options=options(),
        )
        loading.warm_up(encoder)
    except errors.EncoderError as error:
        log.error("not serving model=%s: %s", card.repo, error)
        return False
    _forget(_model_cache.put(card.repo, Server(card, TextMemory(encoder))))
    return True


def _expected_bytes(card: ModelCard) -> int:
    spec = spec_of(card)
    return loading.expected_bytes(spec, model_dir=settings.MODEL_DIR, options=options())


def _forget(repos: Sequence[str]) -> None:
    if repos:
        log.info("unloaded to make room models=%s", ",".join(repos))
        devices.free_memory(settings.WORKER_DEVICE)


def _stop_serving(card: ModelCard) -> None:
    """Leave its messages to workers that can answer them; its jobs are still queued."""
    del _cards[card.repo]
    for leave in _on_leaving:
        leave(card.queue)
    announce()


def announce() -> None:
    """Tell the site that this worker lives, what it answers for, and how it is doing."""
    servers = dict(sorted(_model_cache.items()))
    seen = {
        "pid": os.getpid(),
        "device": settings.WORKER_DEVICE,
        "repos": sorted(_cards),
        "resident_bytes": process_stats.resident_bytes(),
        "device_bytes": process_stats.device_bytes(settings.WORKER_DEVICE),
        "images_per_s": {repo: round(each.images_per_s, 2) for repo, each in servers.items()},
        "batch_images": {repo: each.budget for repo, each in servers.items()},
    }
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
            # C code that hangs without letting go of the interpreter stops this thread, too; then
            # a watchdog that needs no Python prints where it hangs and ends the process.
            faulthandler.dump_traceback_later(HUNG_AFTER_S, exit=True, file=STDERR)
            try:
                _beat()
            except Exception:  # the edge of the thread: without it the worker would seem dead
                log.exception("heartbeat missed")
            finally:
                close_old_connections()
        faulthandler.cancel_dump_traceback_later()


def _beat() -> None:
    held = leases.in_hand()
    if held and held[0].age_s > HUNG_AFTER_S:
        # Code that hangs in C cannot be interrupted, only replaced: the supervisor starts anew.
        log.critical("batch hangs, giving up worker=%s age_s=%.0f", name(), held[0].age_s)
        os._exit(1)
    announce()
    for each in held:
        claims.renew(each.token)


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
        # The consumer is made after this step; a solo worker runs tasks in its own thread.
        _on_leaving.append(lambda queue: parent.consumer.cancel_task_queue(queue))
        announce()
        self.heartbeat = Heartbeat()
        self.heartbeat.start()
        log.info("worker serves name=%s models=%s", name(), sorted(_cards))

    def stop(self, parent: Any) -> None:
        """Let the last heartbeat end first: it would announce what was just withdrawn."""
        self.heartbeat.stopped.set()
        self.heartbeat.join(timeout=HEARTBEAT_S)
        withdraw()
