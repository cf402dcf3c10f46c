"""The Celery app: `celery -A config worker`."""

import os
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging

from catalog.infrastructure import log_context

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class LoggedTask(Task[..., Any]):
    """A task whose log lines carry its name, and the id of the request that sent it, if one did."""

    abstract = True

    # Any: tasks take and return what they like.
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        headers = self.request.headers or {}  # those that broker.send added
        with log_context.bound(task=self.name, request_id=headers.get("request_id")):
            return super().__call__(*args, **kwargs)


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery would set its own level for all of our loggers: why a URL failed was silenced so."""


app = Celery("gigarouter", task_cls=LoggedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# By name: it needs Django's app registry, which is ready only when a worker starts.
app.steps["worker"].add("inference.worker.process:Serving")
