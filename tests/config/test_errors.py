"""Hostile bytes and a database that is away get an answer, not a traceback."""

import pytest
from django.db import OperationalError
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
