"""Each log line says which request, job, model and worker it belongs to."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from celery import current_app, shared_task
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from catalog.infrastructure import broker, log_context
from catalog.infrastructure.log_context import bound, carried
from config.logging import ContextFilter, JsonFormatter, ReadableFormatter, logging_config
from config.middleware.request_id import RequestId

log = logging.getLogger("tests.logging")


class Lines:
    """What one handler has written."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(formatter)
        self.handler.addFilter(ContextFilter())

    @property
    def written(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def events(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.written]


def _logging_to(lines: Lines) -> Iterator[Lines]:
    log.setLevel(logging.INFO)
    log.addHandler(lines.handler)
    yield lines
    log.removeHandler(lines.handler)


@pytest.fixture
def json_lines() -> Iterator[Lines]:
    yield from _logging_to(Lines(JsonFormatter()))


@pytest.fixture
def readable_lines() -> Iterator[Lines]:
    yield from _logging_to(Lines(ReadableFormatter("%(levelname)s %(name)s %(message)s")))


def test_a_line_carries_the_fields_of_every_block_around_it(json_lines: Lines) -> None:
    with bound(request_id="req_1"):
        with bound(job="job-1", model="owner/name", worker="host-7"):
            log.info("job ended state=%s", "succeeded")
        log.info("after")
    log.info("outside")

    inner, after, outside = json_lines.events
    assert inner["message"] == "job ended state=succeeded"
    assert (inner["level"], inner["logger"]) == ("INFO", "tests.logging")
    assert {name: inner[name] for name in ("request_id", "job", "model", "worker")} == {
        "request_id": "req_1",
        "job": "job-1",
        "model": "owner/name",
        "worker": "host-7",
    }
    assert after["request_id"] == "req_1"
    assert "job" not in after
    assert "request_id" not in outside


def test_a_readable_line_ends_with_its_fields(readable_lines: Lines) -> None:
    with bound(request_id="req_1", job=None, model="owner/name"):
        log.info("card moved")
    log.info("plain")

    assert readable_lines.written == [
        "INFO tests.logging card moved request_id=req_1 model=owner/name",
        "INFO tests.logging plain",
    ]


def test_one_event_is_one_json_line_whatever_it_quotes(json_lines: Lines) -> None:
    try:
        raise ValueError("two\nlines\u2028")
    except ValueError:
        log.exception("broken path=%s", "/a\nINFO forged")

    [event] = json_lines.events
    assert event["message"] == "broken path=/a\nINFO forged"
    assert "ValueError: two" in event["exception"]


def test_a_field_cannot_pose_as_the_message(json_lines: Lines) -> None:
    with bound(message="forged", level="forged"):
        log.info("true")

    [event] = json_lines.events
    assert (event["message"], event["level"]) == ("true", "INFO")


def test_fields_follow_into_a_thread_only_if_they_are_carried() -> None:
    with ThreadPoolExecutor(1) as executor, bound(worker="host-7"):
        alone = executor.submit(lambda: dict(log_context.fields())).result()
        followed = executor.submit(carried(lambda: dict(log_context.fields()))).result()
        after = executor.submit(lambda: dict(log_context.fields())).result()

    assert (alone, followed, after) == ({}, {"worker": "host-7"}, {})


def test_a_page_answers_with_the_id_that_its_log_lines_have(json_lines: Lines) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        log.info("seen")
        return HttpResponse()

    response = RequestId(view)(RequestFactory().get("/", headers={"X-Request-ID": "forged"}))

    [event] = json_lines.events
    assert event["request_id"] == response.headers["X-Request-ID"]
    assert response.headers["X-Request-ID"].startswith("req_")


def test_two_requests_have_two_ids(client: Client) -> None:
    first, second = client.get("/healthz"), client.get("/healthz")

    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


@shared_task(name="tests.note_fields")
def note_fields() -> dict[str, str]:
    return dict(log_context.fields())


def test_a_task_has_its_name() -> None:
    assert note_fields() == {"task": "tests.note_fields"}


@shared_task(name="tests.break_down")
def break_down() -> None:
    raise RuntimeError("on purpose")


def test_how_a_task_failed_is_said_with_its_name() -> None:
    lines = Lines(JsonFormatter())
    celery_log = logging.getLogger("celery.app.trace")
    celery_log.addHandler(lines.handler)
    try:
        break_down.apply()
    finally:
        celery_log.removeHandler(lines.handler)

    [event] = lines.events
    assert event["task"] == "tests.break_down"
    assert "on purpose" in event["message"]


def test_the_requests_id_goes_with_a_message_that_is_for_it_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: sent.append(options))

    broker.send("tests.note_fields")
    with bound(request_id="req_1", job="job-1"):
        broker.send("tests.note_fields")
        broker.send("tests.note_fields", is_wake=True)

    assert [options["headers"] for options in sent] == [{}, {"request_id": "req_1"}, {}]
    ran = note_fields.apply(headers=sent[1]["headers"])
    assert ran.get() == {"task": "tests.note_fields", "request_id": "req_1"}


@pytest.mark.parametrize(
    ("is_json", "formatter"), [(True, JsonFormatter), (False, ReadableFormatter)]
)
def test_the_setting_chooses_the_format_of_every_line(
    is_json: bool, formatter: type[logging.Formatter]
) -> None:
    config = logging_config(level="INFO", is_json=is_json)

    [handler] = config["handlers"].values()
    assert config["formatters"][handler["formatter"]]["()"] is formatter


def test_a_broker_that_is_away_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    consumer = logging.getLogger("celery.worker.consumer.consumer")
    try:
        raise OSError("no room")
    except OSError:
        consumer.warning("consumer: Connection to broker lost.\n", exc_info=True)

    [record] = [each for each in caplog.records if each.name == consumer.name]
    assert record.exc_info is None
    assert record.getMessage() == "consumer: Connection to broker lost. error=OSError('no room')"
