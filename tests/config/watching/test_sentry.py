"""Errors reach Sentry with what finds their cause, and with nothing that people have sent."""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest
import sentry_sdk
from celery import shared_task
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings

from catalog.infrastructure import log_context
from catalog.infrastructure.storage import StorageUnavailable
from config import access_log
from config.watching import sentry as reporting
from tests.fakes.watching.sentry import Sentry, receiving
from tests.support.site import free_port, wait_for

log = logging.getLogger("tests.sentry")
Json = dict[str, object]


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    with receiving() as sentry:
        reporting.start(sentry.dsn, environment="testing", release="gigarouter@1.2")
        yield sentry
        reporting.stop()
        switch_off()


def switch_off() -> None:
    # Without an address, and without the integrations that it would switch on by itself.
    sentry_sdk.init(default_integrations=False, auto_enabling_integrations=False)


def broken(request: HttpRequest, token: str = "") -> HttpResponse:
    kept_to_itself = "local-secret"
    raise LookupError(f"{len(kept_to_itself)} things, and no such one")


def broken_there(request: HttpRequest) -> HttpResponse:
    raise LookupError("no such thing there")


def away(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


urlpatterns = [
    path("broken/there/", broken_there),
    path("away/", away),
    path("broken/", broken),
    path("waitlist/confirm/<str:token>/", broken),
]


@pytest.fixture
def visitor(settings: Settings) -> Client:
    access_log.secret_prefixes()  # they are found once, and are the site's
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False)


def events(sentry: Sentry, count: int = 1) -> list[Json]:
    reporting.stop()
    wait_for(lambda: len(sentry.events) >= count, seconds=20)
    assert len(sentry.events) == count
    return sentry.events


def test_an_error_in_a_view_says_where_and_for_which_request(
    sentry: Sentry, visitor: Client
) -> None:
    response = visitor.post("/broken/?q=typed-query", {"text": "typed-body"})

    [event] = events(sentry)
    assert response.status_code == 500
    assert event["tags"] == {"request_id": response.headers["X-Request-ID"]}
    assert event["request"] == {"method": "POST", "url": "/broken/"}
    assert event["transaction"] == "/broken/"
    assert (event["environment"], event["release"]) == ("testing", "gigarouter@1.2")
    [error] = event["exception"]["values"]  # type: ignore[index]
    assert (error["type"], error["value"]) == ("LookupError", "12 things, and no such one")
    assert [frame["function"] for frame in error["stacktrace"]["frames"]][-1] == "broken"


def test_an_error_in_a_view_says_nothing_that_was_sent(sentry: Sentry, visitor: Client) -> None:
    visitor.cookies["session"] = "cookie-secret"
    visitor.post(
        "/broken/?q=typed-query",
        {"text": "typed-body"},
        headers={"Authorization": "Bearer header-secret", "X-Forwarded-For": "192.0.2.77"},
        HTTP_REFERER="https://elsewhere.example/typed-referer",
    )

    [event] = events(sentry)
    private = ["cookie-secret", "header-secret", "typed", "192.0.2.77", "elsewhere"]
    assert not [word for word in private if word.encode() in b"".join(sentry.bodies)]
    [error] = event["exception"]["values"]  # type: ignore[index]
    assert not [frame for frame in error["stacktrace"]["frames"] if "vars" in frame]


def test_the_address_of_a_mailed_link_is_redacted(sentry: Sentry, visitor: Client) -> None:
    visitor.get("/waitlist/confirm/token-secret/")

    [event] = events(sentry)
    assert event["request"] == {"method": "GET", "url": "/waitlist/confirm/[redacted]"}
    assert b"token-secret" not in b"".join(sentry.bodies)


def test_a_line_of_the_log_goes_with_its_fields_and_without_names_that_it_quotes(
    sentry: Sentry,
) -> None:
    job = UUID(int=7)
    with log_context.bound(job=job, model="openai/clip", worker="w", custom="typed-field"):
        log.error("line %d of %s not read custom_id=%r", 12, job, "typed-argument")

    [event] = events(sentry)
    assert event["tags"] == {"job": str(job), "model": "openai/clip", "worker": "w"}
    assert event["logentry"] == {
        "message": "line %d of %s not read custom_id=%r",
        "params": ["12", str(job), "[left out]"],
    }
    assert b"typed" not in b"".join(sentry.bodies)


@shared_task(name="tests.break")
def break_task(word: str) -> None:
    raise LookupError("no such thing")


def test_an_error_in_a_task_goes_with_its_name_and_without_its_arguments(sentry: Sentry) -> None:
    argument = secrets.token_hex()
    break_task.apply(args=(argument,), headers={"request_id": "req_1"})

    [event] = events(sentry)
    assert event["tags"] == {"task": "tests.break", "request_id": "req_1"}
    assert event["exception"]["values"][0]["type"] == "LookupError"  # type: ignore[index]
    assert argument.encode() not in b"".join(sentry.bodies)


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("no account ada@lab.example here", "no account [left out] here"),
        ("key gr_live_0123456789abcdef refused", "key [left out] refused"),
        ("whsec_abc+/= is no secret", "[left out] is no secret"),
        (
            "GET https://user:pass@host.example/a?token=1#x failed",
            "GET https://[left out]host.example/a?[left out] failed",
        ),
        ("duplicate key\nDETAIL:  Key (email)=(ada) already exists.", "duplicate key"),
        (
            'invalid input syntax for type uuid: "typed"',
            "invalid input syntax for type uuid: [left out]",
        ),
        ("x" * 1000, "x" * 300),
    ],
)
def test_what_an_error_says_goes_without_addresses_secrets_and_values(
    sentry: Sentry, message: str, sent: str
) -> None:
    try:
        raise LookupError(message)
    except LookupError:
        log.exception("broken")

    [event] = events(sentry)
    assert event["exception"]["values"][0]["value"] == sent  # type: ignore[index]


@pytest.mark.parametrize(
    "error", [OperationalError("away"), StorageUnavailable("away"), ConnectionRefusedError()]
)
def test_a_part_that_is_away_is_no_event(sentry: Sentry, error: Exception) -> None:
    log.error("away path=%s error=%r", "/v1/jobs", error)
    try:
        raise error
    except type(error):
        log.exception("periodic task failed")
    log.error("the last one")

    [event] = events(sentry)
    assert event["logentry"] == {"message": "the last one", "params": []}


def test_a_query_that_takes_too_long_is_an_event(sentry: Sentry) -> None:
    try:
        raise OperationalError("canceled") from psycopg.errors.QueryCanceled("too long")
    except OperationalError:
        log.exception("broken")

    [event] = events(sentry)
    types = [error["type"] for error in event["exception"]["values"]]  # type: ignore[index]
    assert types == ["QueryCanceled", "OperationalError"]


def test_a_loop_that_fails_all_the_time_is_some_events(sentry: Sentry) -> None:
    for attempt in range(50):
        log.error("still broken attempt=%d", attempt)
    log.error("something else")

    messages = [event["logentry"]["message"] for event in events(sentry, 6)]  # type: ignore[index]
    assert messages == ["still broken attempt=%d"] * 5 + ["something else"]


def test_a_page_that_fails_all_the_time_hides_no_other(sentry: Sentry, visitor: Client) -> None:
    for _ in range(10):
        visitor.get("/broken/")
    visitor.get("/broken/there/")

    pages = [event["transaction"] for event in events(sentry, 6)]
    assert pages == ["/broken/"] * 5 + ["/broken/there/"]


def test_a_page_that_says_to_come_back_soon_is_no_event(sentry: Sentry, visitor: Client) -> None:
    assert visitor.get("/away/").status_code == 503
    log.error("the last one")

    [event] = events(sentry)
    assert event["logger"] == log.name


def test_nothing_but_errors_is_sent(sentry: Sentry) -> None:
    log.warning("typed-warning")
    log.info("typed-info")
    log.error("broken")

    events(sentry)
    assert set(sentry.kinds) == {"event"}
    assert b"typed" not in b"".join(sentry.bodies)


def test_a_collector_that_does_not_answer_is_no_event(sentry: Sentry) -> None:
    exporter = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    logging.getLogger(exporter).error("Failed to export spans batch")
    log.error("broken")

    [event] = events(sentry)
    assert event["logger"] == log.name


def test_lines_are_written_while_sentry_is_away() -> None:
    reporting.start(f"http://k@127.0.0.1:{free_port()}/1", environment="t", release="r")
    try:
        log.error("broken")
    finally:
        switch_off()


def in_threads(count: int, call: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_that_fail_at_once_are_counted_together(sentry: Sentry) -> None:
    in_threads(20, lambda: log.error("all at once"))

    events(sentry, 5)
