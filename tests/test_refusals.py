"""Hostile bytes and a database that is away get an answer, not a traceback."""

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from psycopg_pool import PoolTimeout

from config.refusals import Refusals
from inference import views


@pytest.mark.parametrize("address", ["/models/a/%00/", "/%00", "/jobs/%00/"])
def test_a_nul_in_the_address_is_a_bad_request(client: Client, address: str) -> None:
    assert client.get(address).status_code == 400


def test_a_nul_in_a_cookie_is_a_bad_request(client: Client) -> None:
    client.cookies["session"] = "a\0b"

    assert client.get("/").status_code == 400


@pytest.mark.parametrize("error", [OperationalError("away"), PoolTimeout("away")])
def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(error: Exception) -> None:
    refusals = Refusals(views.home)

    response = refusals.process_exception(RequestFactory().get("/"), error)

    assert response is not None
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert b"back in a moment" in response.content


def test_other_errors_stay_errors() -> None:
    assert Refusals(views.home).process_exception(RequestFactory().get("/"), ValueError()) is None
