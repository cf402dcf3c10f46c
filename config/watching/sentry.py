"""Sends errors to Sentry: each line that the log has at ERROR or above, with its traceback.

What is sent is chosen here, member by member, and nothing else goes out: no cookies, headers,
queries, bodies, local variables or earlier events. None of Sentry's integrations with frameworks
runs: they would read requests. Traces are OpenTelemetry's.
"""

import logging
import re
import threading
import traceback
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import sentry_sdk
from cachetools import TTLCache
from celery import current_task
from django.http import HttpRequest
from kombu.exceptions import OperationalError as BrokerError
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger

from catalog.infrastructure import log_context
from catalog.infrastructure.outages import OUTAGES
from config.access_log import redacted

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

AT_EXIT_S = 2
# A part that is away is answered by 503 and watched by alerts: its errors say nothing new.
EXPECTED = (*OUTAGES, BrokerError, ConnectionError, TimeoutError)
# SQLSTATEs of a database that is away: connections, shutting down, no room. Others of its
# operational errors are ours: a query that is canceled takes too long, a deadlock has an order.
AWAY_STATES = ("08", "53", "57P")
# Of one error: a loop that fails each second must not use up what the operator pays for.
MOST_A_MINUTE = 5
MOST_CHARACTERS = 300
LEFT_OUT = "[left out]"

# Of an event, as Sentry's SDK makes it. What it adds in time to come stays here until it is named.
KEPT = (
    "dist",
    "environment",
    "event_id",
    "exception",
    "level",
    "logger",
    "platform",
    "release",
    "sdk",
    "server_name",
    "timestamp",
)
TAGS = ("request_id", "task", "job", "batch", "model", "worker", "mail", "webhook", "delivery")

# Not to be quoted by the message of an exception: mail addresses, secrets, parts of addresses of
# pages, and the values that PostgreSQL quotes (`invalid input syntax for type uuid: "..."`).
PRIVATE = re.compile(
    r"[^\s@\"'<>(),;:=/]+@[^\s@\"'<>(),;:=/]+"
    r"|\b(?:gr_live_|whsec_|[sr]k_(?:live|test)_|Bearer )[\w+/=.-]+"
    r"|(?<=//)[^/\s@]+@"
    r"|(?<=[?#])[^\s\"'>)]+"
    r'|(?<=: )".*'
)


def start(dsn: str, *, environment: str, release: str) -> None:
    """Raises sentry_sdk.utils.BadDsn."""
    # Whether spans arrive is no error of the site, and the collector says so itself.
    ignore_logger("opentelemetry.*")
    sentry_sdk.init(
        dsn,
        environment=environment,
        release=release,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR, sentry_logs_level=None),
            ExcepthookIntegration(),
            DedupeIntegration(),
            # Its own one prints that it waits.
            AtexitIntegration(callback=lambda pending, timeout: None),
        ],
        # Who it was (send_default_pii) is left out, too: by default, and by Outgoing.
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        traces_sample_rate=0,
        auto_session_tracking=False,
        send_client_reports=False,
        before_send=Outgoing(),
        shutdown_timeout=AT_EXIT_S,
    )


def stop() -> None:
    """Send what waits, for two seconds at most."""
    sentry_sdk.flush(AT_EXIT_S)


class Outgoing:
    """What of an event is sent; None: nothing. Called in the thread whose error it is."""

    def __init__(self) -> None:
        self._counts: TTLCache[object, list[int]] = TTLCache(maxsize=1000, ttl=60)
        self._lock = threading.Lock()

    def __call__(self, event: "Event", hint: "Hint") -> "Event | None":
        record: logging.LogRecord | None = hint.get("log_record")
        error = (hint.get("exc_info") or (None, None, None))[1]
        if _is_expected(error) or (record and _says_what_is_expected(record)):
            return None
        if self._is_too_often((_line_of(record), type(error), _origin_of(error))):
            return None
        return _chosen(event, record)

    def _is_too_often(self, error: object) -> bool:
        with self._lock:
            count = self._counts.setdefault(error, [0])
            count[0] += 1
            return count[0] > MOST_A_MINUTE


def _is_expected(error: object) -> bool:
    if not isinstance(error, EXPECTED):
        return False
    state = getattr(error.__cause__ or error, "sqlstate", None)
    return state is None or state.startswith(AWAY_STATES)


def _says_what_is_expected(record: logging.LogRecord) -> bool:
    # Django logs each 503 of a page again, without what it came from.
    is_away = getattr(record, "status_code", None) == HTTPStatus.SERVICE_UNAVAILABLE
    return is_away or any(map(_is_expected, _arguments(record)))


def _line_of(record: logging.LogRecord | None) -> object:
    return (record.pathname, record.lineno, record.msg) if record else None


def _origin_of(error: BaseException | None) -> object:
    """The line that has raised it: Django and Celery log all errors of ours in one of theirs."""
    frames = list(traceback.walk_tb(error.__traceback__ if error else None))
    return (frames[-1][0].f_code.co_filename, frames[-1][1]) if frames else None


def _chosen(event: "Event", record: logging.LogRecord | None) -> "Event":
    # Any: Sentry's own type of an event is a dictionary of dictionaries.
    chosen: dict[str, Any] = {name: event[name] for name in KEPT if name in event}  # type: ignore[literal-required]
    for error in chosen.get("exception", {}).get("values", []):
        error["value"] = _without_private(str(error.get("value") or ""))
    fields = _task_fields() | dict(log_context.fields())
    chosen["tags"] = {name: fields[name] for name in TAGS if name in fields}
    if record:
        chosen["logentry"] = {
            "message": _without_private(str(record.msg)),
            "params": [_harmless(argument) for argument in _arguments(record)],
        }
        chosen |= _request_of(record)
    return chosen  # type: ignore[return-value]


def _task_fields() -> dict[str, str]:
    """Of the task that Celery runs here: it logs an error when the task has left its own fields."""
    if not current_task:
        return {}
    request_id = (current_task.request.headers or {}).get("request_id")
    return {"task": current_task.name} | ({"request_id": request_id} if request_id else {})


def _request_of(record: logging.LogRecord) -> dict[str, object]:
    """Django's lines about a request have it; of its address the part that access logs have."""
    request = getattr(record, "request", None)
    if not isinstance(request, HttpRequest):
        return {}
    found: dict[str, object] = {
        "request": {"method": request.method, "url": redacted(request.path)}
    }
    if request.resolver_match:
        found["transaction"] = f"/{request.resolver_match.route}"
    return found


def _arguments(record: logging.LogRecord) -> tuple[object, ...]:
    # A dictionary is what `%(name)s` picks from: Celery's, with all of a task's arguments.
    return record.args if isinstance(record.args, tuple) else ()


def _harmless(argument: object) -> str:
    """Of what a line says: numbers, ids, types of errors and paths. Names are among the tags."""
    if isinstance(argument, int | float | uuid.UUID):
        return str(argument)
    if isinstance(argument, BaseException):
        return type(argument).__name__
    if isinstance(argument, str) and argument.startswith("/"):
        return redacted(argument)
    return LEFT_OUT


def _without_private(text: str) -> str:
    # What follows the first line of an error of PostgreSQL's are the values of a row.
    first_line = text.strip().partition("\n")[0]
    return PRIVATE.sub(LEFT_OUT, first_line)[:MOST_CHARACTERS]
