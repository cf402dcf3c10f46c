"""The Celery app: `celery -A config worker`."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init
from django.conf import settings
from kombu.transport import redis

from config import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery would set its own level for all of our loggers: why a URL failed was silenced so."""


@worker_init.connect
def _report_of_worker(sender: Any, **_: object) -> None:
    """`sender` is Celery's worker, by now with Django set up: house@host serves house."""
    from config.watching import reporting  # needs Django's settings

    name = sender.hostname.partition("@")[0]
    reporting.start("worker" if settings.SERVE_REPOS else name)


@beat_init.connect
def _report_of_beat(**_: object) -> None:
    from config.watching import reporting

    reporting.start("beat")


redis.Channel.QoS = broker.QoS

# By name: it needs Django's app registry, which is ready only when the first task is.
app = Celery("gigarouter", task_cls="catalog.infrastructure.logged_task:LoggedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# By name, too: the registry is ready only when a worker starts.
app.steps["worker"].add("inference.worker.process:Serving")
