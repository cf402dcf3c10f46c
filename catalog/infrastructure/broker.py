"""Sends Celery messages without making anybody wait for a broker that is away.

    transaction.on_commit(lambda: broker.send(CHECK_REQUEST, request.pk, expires_s=60))

Messages only wake a worker: what is to be done stands in a table, and a periodic sweep looks there,
too. So a lost message costs some seconds and nothing else.
"""

import logging
from collections.abc import Mapping
from functools import partial

from celery import current_app
from django.db import transaction

from catalog.infrastructure import log_context
from catalog.infrastructure.outages import BROKER_OUTAGES
from catalog.infrastructure.tracing import traceparent

log = logging.getLogger(__name__)

# Fields of log_context that a task goes on with (logged_task).
HANDED_ON = ("request_id", traceparent.FIELD)


def send(
    task: str,
    *args: object,
    queue: str | None = None,
    expires_s: float | None = None,
    is_wake: bool = False,
    headers: Mapping[str, str] | None = None,
) -> bool:
    """Send a task, by its name, to a queue (Celery's default one). False: the broker is away.

    `expires_s`: a broker that can (RabbitMQ) drops the message then. Not Celery's `expires`, a time
    of day by our clock: a worker whose clock is ahead would drop every message.
    `is_wake`: the task does whatever is queued, for whomever. Otherwise its log lines have the id
    of the request that sends it, and it is part of that request's trace.
    """
    try:
        # Without retries: a visitor may be waiting, and the sweep looks within seconds.
        current_app.send_task(
            task,
            args=list(args),
            queue=queue,
            expiration=expires_s,
            retry=False,
            headers={**({} if is_wake else _headers()), **(headers or {})},
        )
    except BROKER_OUTAGES as error:
        log.warning("broker away task=%s error=%s", task, error)
        return False
    return True


def send_on_commit(
    task: str,
    *args: object,
    queue: str | None = None,
    expires_s: float | None = None,
    is_wake: bool = False,
) -> None:
    # Not before the commit: a worker that looks sooner would find nothing.
    message = partial(send, task, *args, queue=queue, expires_s=expires_s, is_wake=is_wake)
    transaction.on_commit(message, robust=True)


def _headers() -> dict[str, str]:
    fields = log_context.fields()
    return {name: fields[name] for name in HANDED_ON if name in fields}
