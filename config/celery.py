"""The Celery app: `celery -A config worker`."""

import os

from celery import Celery
from celery.signals import setup_logging
from kombu.transport import redis

from config import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery would set its own level for all of our loggers: why a URL failed was silenced so."""


redis.Channel.QoS = broker.QoS

# By name: it needs Django's app registry, which is ready only when the first task is.
app = Celery("gigarouter", task_cls="catalog.infrastructure.logged_task:LoggedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# By name, too: the registry is ready only when a worker starts.
app.steps["worker"].add("inference.worker.process:Serving")
