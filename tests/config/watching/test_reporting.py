"""The processes as they are started: what OpenTelemetry's and Sentry's variables make of them."""

import os
import secrets
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from celery import current_app
from django.conf import settings

from config.watching.process import version
from inference.outbound import fetch_queue
from tests.fakes.watching.collector import Collector
from tests.fakes.watching.sentry import receiving
from tests.support.site import free_port, wait_for

pytestmark = pytest.mark.processes
TRACE, CALLER = secrets.token_hex(16), "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{CALLER}-01"}


@contextmanager
def process(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def end(child: subprocess.Popen[str]) -> str:
    """As systemd and Docker do it; what it has logged."""
    child.send_signal(signal.SIGTERM)
    return child.communicate(timeout=60)[1]


def base(collector: Collector) -> str:
    return collector.url.removesuffix("/v1/traces")


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def test_a_web_process_sends_the_spans_that_wait_before_it_ends(collector: Collector) -> None:
    port = str(free_port())
    # Nothing but its end sends them.
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": base(collector),
        "OTEL_BSP_SCHEDULE_DELAY": "3600000",
    }
    with process("config.server", "--port", port, **variables) as web:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
        httpx.get(f"http://127.0.0.1:{port}/v1/jobs/none", headers=TRACEPARENT, timeout=30)

        end(web)

    [span] = collector.spans
    assert (span.name, span.trace, span.parent) == ("GET /v1/jobs/{job_id}", TRACE, CALLER)
    assert span.service == "gigarouter-web"


def test_a_celery_worker_is_named_by_its_part_and_sends_the_spans_of_its_tasks(
    collector: Collector,
) -> None:
    queue = f"traces-{uuid.uuid4()}"
    current_app.send_task(
        fetch_queue.FETCH_IMAGES, args=[str(uuid.uuid4()), []], queue=queue, headers=TRACEPARENT
    )
    worker = ["celery", "-A", "config", "worker", "-Q", queue, "--pool", "threads"]
    options = ["--hostname", "fetch@%h", "--without-gossip", "--without-mingle"]
    variables = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with process(*worker, *options, **variables) as fetch:
        wait_for(lambda: bool(collector.spans))
        end(fetch)

    [span] = collector.spans
    assert (span.name, span.parent) == (f"task {fetch_queue.FETCH_IMAGES}", CALLER)
    assert span.service == "gigarouter-fetch"


def test_a_process_that_is_told_not_to_sends_none(collector: Collector) -> None:
    port = str(free_port())
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": base(collector), "OTEL_SDK_DISABLED": "true"}
    with process("config.server", "--port", port, **variables) as web:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
        httpx.get(f"http://127.0.0.1:{port}/v1/jobs/none", headers=TRACEPARENT, timeout=30)

        end(web)

    assert collector.spans == []


def test_an_error_is_sent_before_a_web_process_ends() -> None:
    code = (
        "import config.asgi, logging; logging.getLogger('late').error('broken')"
        "; from config.watching import reporting; reporting.stop()"
    )
    with receiving() as sentry:
        variables = os.environ | {"SENTRY_DSN": sentry.dsn, "REVISION": "abc", "DEBUG": "1"}
        subprocess.run([sys.executable, "-c", code], env=variables, check=True)

    [event] = sentry.events
    assert event["logger"] == "late"
    assert event["release"] == f"gigarouter@{version()}+abc"
    assert event["environment"] == "development"


def test_an_address_that_is_none_is_one_line_of_the_log() -> None:
    code = "import config.asgi"
    variables = os.environ | {"SENTRY_DSN": "nonsense", "DEBUG": "1"}

    finished = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    )

    [line] = [line for line in finished.stderr.splitlines() if "SENTRY_DSN" in line]
    assert "has no effect" in line
    assert "Traceback" not in finished.stderr
