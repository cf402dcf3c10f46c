"""A Celery worker process: it loads its models, announces itself and keeps its leases.

Models are loaded before the worker takes its first message, by a Celery bootstep (config.celery).
"""

import faulthandler
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from celery import bootsteps
from celery.worker import state as celery_state
from django.conf import settings
from django.db import close_old_connections
from django.db.models.functions import Now

from catalog.infrastructure import log_context
from catalog.infrastructure.storage_probe import Probe
from inference.jobs import claims
from inference.models import Worker
from inference.runtime import process_stats
from inference.runtime.errors import EncoderError
from inference.worker import decode, leases, served_models

log = logging.getLogger(__name__)

HEARTBEAT_S = 2.5
PROBE_EVERY_S = 15.0  # while all is well; in trouble, at each heartbeat
# From then on nothing that the step computes can count: its lease is over.
HUNG_AFTER_S = (claims.TIME_LIMIT + claims.LEASE).total_seconds()
STDERR = 2


def name() -> str:
    # One name per process, by which the site and the logs tell workers apart.
    return f"{socket.gethostname()}-{os.getpid()}"


def is_stopping() -> bool:
    """Whether this process was asked to leave once its work is done (SIGTERM)."""
    # An exit code, which may be 0: Celery's own loop asks the same way.
    codes: tuple[int | bool | None, ...] = (
        celery_state.should_stop,
        celery_state.should_terminate,
    )
    return any(code is not None and code is not False for code in codes)


def announce() -> None:
    models = served_models.loaded()
    trouble = decode.probe.trouble
    report = {
        "pid": os.getpid(),
        "device": settings.WORKER_DEVICE,
        "repos": [] if trouble else served_models.repos(),
        "revisions": served_models.revisions(),
        "failures": served_models.failures()
        | (dict.fromkeys(served_models.repos(), trouble) if trouble else {}),
        "engines": served_models.engines(),
        "resident_bytes": process_stats.resident_bytes(),
        "device_bytes": process_stats.device_bytes(settings.WORKER_DEVICE),
        "images_per_s": {repo: round(model.images_per_s, 2) for repo, model in models.items()},
        "batch_images": {repo: model.budget for repo, model in models.items()},
    }
    # The database's clock, as for leases: clocks that differ must not hide a living worker.
    Worker.objects.update_or_create(name=name(), defaults=report | {"seen_at": Now()})


def withdraw() -> None:
    Worker.objects.filter(name=name()).delete()


class StorageWatch:
    """Takes no messages while images cannot be read: they are for workers that can.

    `pause` and `resume` return whether they could; else they are called again.
    """

    def __init__(
        self, probe: Probe, *, pause: Callable[[], bool], resume: Callable[[], bool]
    ) -> None:
        self._probe, self._pause, self._resume = probe, pause, resume
        self.is_paused = False
        self._next_look_s = 0.0

    def check(self) -> None:
        now_s = time.monotonic()
        if self._probe.trouble or now_s >= self._next_look_s:
            self._probe.look()
            self._next_look_s = now_s + PROBE_EVERY_S
        if self.is_paused != bool(self._probe.trouble):
            has_changed = self._resume() if self.is_paused else self._pause()
            self.is_paused ^= has_changed


class Heartbeat(threading.Thread):
    """Announces the worker and renews the leases of its batches while the main thread computes."""

    def __init__(self, storage_watch: StorageWatch) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.stopped = threading.Event()
        self.storage_watch = storage_watch

    def run(self) -> None:
        with log_context.bound(worker=name()):
            while not self.stopped.wait(HEARTBEAT_S):
                # C code that hangs without letting go of the interpreter stops this thread, too;
                # then a watchdog that needs no Python prints where it hangs and ends the process.
                faulthandler.dump_traceback_later(HUNG_AFTER_S, exit=True, file=STDERR)
                try:
                    _beat()
                    self.storage_watch.check()
                except Exception:  # the edge of the thread: without it the worker would seem dead
                    log.exception("heartbeat missed")
                finally:
                    close_old_connections()
        faulthandler.cancel_dump_traceback_later()


def _beat() -> None:
    held = leases.in_hand()
    if held and held[0].age_s > HUNG_AFTER_S:
        # Code that hangs in C cannot be interrupted, only replaced: the supervisor starts anew.
        log.critical("batch hangs, giving up age_s=%.0f", held[0].age_s)
        os._exit(1)
    announce()
    served_models.expire_texts()
    renew(held)


def renew(held: Sequence[leases.Held]) -> None:
    """The leases of batches that make progress; the others end, and may be somebody else's."""
    for lease in held:
        if lease.age_s < claims.TIME_LIMIT.total_seconds() and not claims.renew(lease.token):
            leases.lose(lease.token)


class Serving(bootsteps.StartStopStep):
    """Loads models before the consumer takes its first message. Workers without models skip it."""

    # Any: Celery passes its worker and whatever options it was given.
    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = bool(settings.SERVE_REPOS)

    def start(self, parent: Any) -> None:
        decode.decoders().start()  # they import their libraries while the models are loaded
        cards = served_models.cards_to_serve(",".join(settings.SERVE_REPOS))
        try:
            failed = served_models.load(cards)
        except EncoderError:
            announce()  # the row stays for an hour, and says why there is no worker
            raise
        for card in failed:
            # Its messages belong to a worker that can answer them.
            parent.app.amqp.queues.deselect(card.queue)
        # The consumer is made after this step; a solo worker runs tasks in its own thread.
        served_models.on_withdrawal.append(lambda queue: parent.consumer.cancel_task_queue(queue))
        served_models.on_withdrawal.append(lambda queue: announce())
        decode.decoders().check()  # without them each image would look damaged
        decode.probe.look()
        announce()
        watch = StorageWatch(
            decode.probe,
            pause=lambda: _for_each_queue(parent, "cancel_task_queue"),
            resume=lambda: _for_each_queue(parent, "add_task_queue"),
        )
        self.heartbeat = Heartbeat(watch)
        self.heartbeat.start()
        log.info("worker serves name=%s models=%s", name(), served_models.repos())

    def stop(self, parent: Any) -> None:
        # The last heartbeat ends first: it would announce what was just withdrawn.
        self.heartbeat.stopped.set()
        self.heartbeat.join(timeout=HEARTBEAT_S)
        withdraw()
        served_models.clear()


# Any: Celery's worker.
def _for_each_queue(worker: Any, verb: str) -> bool:
    """Have the main thread change what is consumed; False: it is not connected to its broker."""
    consumer = worker.consumer
    if consumer is None or consumer.task_consumer is None:
        return False
    for queue in served_models.queues():
        consumer.call_soon(getattr(consumer, verb), queue)
    return True
