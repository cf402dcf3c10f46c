"""How a log line looks: readable, or one JSON object a line where LOG_JSON=1.

2026-11-29 23:50:43,635 INFO catalog.mail.sending mail sent attempt=1 mail=7
{"time": "2026-11-29T23:50:43.635+00:00", "level": "INFO", "mail": "7", ...}
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from catalog.infrastructure import log_context
from config.access_log import NoUnreadableRequests, RedactPaths

# Its records carry what they are about as `data`.
CELERY_TRACE = "celery.app.trace"


class ContextFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # Now, and not when the line is formatted: that may happen in another thread.
        record.context = {**_task_of(record), **log_context.fields()}
        return True


def _task_of(record: logging.LogRecord) -> dict[str, str]:
    """Celery says how a task failed when the fields of the task are gone."""
    name = getattr(record, "data", {}).get("name") if record.name == CELERY_TRACE else None
    return {"task": name} if name else {}


class BrokerErrorsInOneLine(logging.Filter):
    """Of Celery's consumer, which shows a traceback of its own code each time it reconnects."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            error = record.exc_info[1]
            record.msg, record.args = f"{record.getMessage().strip()} error={error!r}", ()
            record.exc_info = None
        return True


class ReadableFormatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  as logging spells it
        context: dict[str, str] = getattr(record, "context", {})
        return " ".join(
            [super().formatMessage(record), *(f"{name}={value}" for name, value in context.items())]
        )


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = self._event(record)
        # Twice: first what a reader looks for first, and no field of the context replaces it.
        # ASCII only, with its line ends escaped: one event is one line, whatever it quotes.
        return json.dumps({**event, **getattr(record, "context", {}), **event})

    def _event(self, record: logging.LogRecord) -> dict[str, str]:
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return event


# Any: the schema of logging.config.dictConfig is an open dictionary.
def logging_config(*, level: str, is_json: bool) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "context": {"()": ContextFilter},
            "redact": {"()": RedactPaths},
            "broker": {"()": BrokerErrorsInOneLine},
            "unreadable": {"()": NoUnreadableRequests},
        },
        "formatters": {
            "readable": {
                "()": ReadableFormatter,
                "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
            },
            "json": {"()": JsonFormatter},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json" if is_json else "readable",
                "filters": ["context"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Each request is already in uvicorn's access log.
            "django.request": {"level": "ERROR", "filters": ["redact"]},
            # Whoever starts uvicorn without config.server has handlers of its own by now: two
            # formats in one stream help nobody.
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.access": {"level": "INFO", "propagate": True, "filters": ["redact"]},
            "uvicorn.error": {"propagate": True, "filters": ["unreadable"]},
            "httpx": {"level": "WARNING"},
            # It would say each try that a collector does not answer.
            "opentelemetry": {"level": "ERROR"},
            # A line for each message, which says nothing that the work's own lines do not.
            CELERY_TRACE: {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.consumer.consumer": {"filters": ["broker"]},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
