"""The class of all Celery tasks (config.celery): what its log lines carry, what it notes."""

from contextlib import AbstractContextManager
from typing import Any

from celery import Task
from opentelemetry.trace import SpanKind

from catalog.infrastructure import broker, log_context, periodic, tracing
from catalog.models import PeriodicTask


class LoggedTask(Task[..., Any]):
    """A task whose log lines carry its name, and the id of the request that sent it, if one did;
    then it is a span of that request's trace, too.

    What beat has sent is noted as done; a message of it that waited behind another is dropped.
    """

    abstract = True

    # Any: tasks take and return what they like.
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        headers = self.request.headers or {}  # those that broker.send added
        sender = {name: headers.get(name) for name in broker.HANDED_ON}
        with log_context.bound(task=self.name, **sender), self._span():
            name = headers.get(periodic.HEADER)
            if name is None:
                return super().__call__(*args, **kwargs)
            if PeriodicTask.objects.was_just_done(name):
                return None
            with periodic.noted(name):
                return super().__call__(*args, **kwargs)

    def _span(self) -> AbstractContextManager[object]:
        return tracing.span(f"task {self.name}", kind=SpanKind.CONSUMER)
