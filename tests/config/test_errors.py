"""Hostile bytes and a database that is away get an answer and one log line, not a traceback."""

import logging
from collections.abc import Callable
from typing import TypedDict

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.views.defaults import server_error
from psycopg_pool import PoolTimeout
from pytest_django import Settings
from redis.exceptions import RedisError

from config.middleware.errors import ErrorPages
from inference.playground import views


@pytest.mark.parametrize("address", ["/models/a/%00/", "/%00", "/jobs/%00/"])
def test_a_nul_in_the_address_is_a_bad_request(client: Client, address: str) -> None:
    assert client.get(address).status_code == 400


def test_a_nul_in_a_cookie_is_a_bad_request(client: Client) -> None:
    client.cookies["session"] = "a\0b"

    assert client.get("/").status_code == 400


@pytest.mark.parametrize("error", [OperationalError("away"), PoolTimeout("away"), RedisError()])
def test_a_server_that_is_away_is_a_503_that_says_when_to_come_back(error: Exception) -> None:
    middleware = ErrorPages(views.home)

    response = middleware.process_exception(RequestFactory().get("/"), error)

    assert response is not None
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert b"back in a moment" in response.content


def test_other_errors_stay_errors() -> None:
    assert ErrorPages(views.home).process_exception(RequestFactory().get("/"), ValueError()) is None


def test_a_page_that_breaks_needs_no_context() -> None:
    page = server_error(RequestFactory().get("/")).content.decode()

    assert "something broke on our side" in page
    assert "<title>something broke · gigarouter</title>" in page


def test_a_share_card_without_its_cache_is_a_503(
    catalog: None, client: Client, settings: Settings
) -> None:
    away = settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}

    response = client.get("/models/openai/clip-vit-large-patch14/og.png")

    assert response.status_code == 503


class Form(TypedDict):
    data: str | bytes
    content_type: str


def multipart(*parts: str, boundary: str = "b") -> Form:
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}


def form(body: str | bytes, charset: str = "utf-8") -> Form:
    return {"data": body, "content_type": f"application/x-www-form-urlencoded; charset={charset}"}


FIELD = 'Content-Disposition: form-data; name="x{}"\r\n\r\ny'
FILE = 'Content-Disposition: form-data; name="x{}"; filename="y"\r\n\r\ny'
NO_BOUNDARY: Form = {"data": "x", "content_type": "multipart/form-data"}
BROKEN: dict[str, Callable[[Client], object]] = {
    "foreign host": lambda site: site.get("/", headers={"host": "elsewhere.example"}),
    "no name in the host": lambda site: site.get("/", headers={"host": "a@b:c"}),
    "foreign host of a file": lambda site: site.get(
        "/static/css/base.css", headers={"host": "elsewhere.example"}
    ),
    "1,001 parameters": lambda site: site.get("/models/?" + "a=1&" * 1001),
    "1,001 fields": lambda site: site.post("/playground/", **form("a=1&" * 1001)),
    "1,001 parts": lambda site: site.post(
        "/playground/", **multipart(*(FIELD.format(n) for n in range(1001)))
    ),
    "101 files": lambda site: site.post(
        "/playground/", **multipart(*(FILE.format(n) for n in range(101)))
    ),
    "5 MB of text": lambda site: site.post("/playground/", **form("a=" + "b" * 5_000_000)),
    "5 MB of text in a part": lambda site: site.post(
        "/playground/", **multipart(FIELD.format("") + "y" * 5_000_000)
    ),
    "no boundary": lambda site: site.post("/playground/", **NO_BOUNDARY),
    "strange charset": lambda site: site.post("/playground/", **form(b"a=%ff", "utf-16")),
    "broken base64": lambda site: site.post(
        "/playground/",
        **multipart("Content-Transfer-Encoding: base64\r\n" + FILE.format("").replace("y", "a")),
    ),
    "NUL in a parameter": lambda site: site.get("/models/?q=a%00"),
    "NUL in a parameter's name": lambda site: site.get("/models/?%00=a"),
}


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_read_is_400_and_one_line(
    what: str,
    debug: bool,
    client: Client,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.DEBUG = debug

    with caplog.at_level(logging.INFO):
        response = BROKEN[what](client)

    assert isinstance(response, HttpResponse)
    assert response.status_code == 400
    assert "that request could not be read" in response.content.decode()
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert response["X-Request-ID"]
    [record] = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert record.name == "config.middleware.errors"
    assert record.exc_info is None
    assert len(record.getMessage()) < 500


def test_a_line_of_the_log_stays_one(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/a%0A2026 CRITICAL all is lost/%00")
        client.get("/", headers={"host": "a\nb"})

    assert len(caplog.records) == 2
    assert not any("\n" in record.getMessage() for record in caplog.records)


def test_a_view_that_finds_a_request_suspicious_is_400(client: Client) -> None:
    response = ErrorPages(views.home).process_exception(
        RequestFactory().get("/"), SuspiciousOperation("x")
    )

    assert response is not None
    assert response.status_code == 400
