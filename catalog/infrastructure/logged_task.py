"""The class of all Celery tasks (config.celery): what its log lines carry, what it notes."""

from typing import Any

from celery import Task

from catalog.infrastructure import log_context, periodic
from catalog.models import PeriodicTask


class LoggedTask(Task[..., Any]):
    """A task whose log lines carry its name, and the id of the request that sent it, if one did.

    What beat has sent is noted as done; a message of it that waited behind another is dropped.
    """

    abstract = True

    # Any: tasks take and return what they like.
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        headers = self.request.headers or {}  # those that broker.send added
        with log_context.bound(task=self.name, request_id=headers.get("request_id")):
            name = headers.get(periodic.HEADER)
            if name is None:
                return super().__call__(*args, **kwargs)
            if PeriodicTask.objects.was_just_done(name):
                return None
            with periodic.noted(name):
                return super().__call__(*args, **kwargs)
