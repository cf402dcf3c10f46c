"""Requests are counted by route and status, and by nothing that strangers choose."""

import asyncio
from typing import Any, cast

import httpx
import pytest
from prometheus_client import REGISTRY

from config.middleware.asgi import Receive, Scope, Send
from config.watching.http import CountRequests

TOTAL = "gigarouter_http_requests_total"
COUNT = "gigarouter_http_request_duration_seconds_count"


# Whether static files were collected is not what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")


def get(path: str, *, method: str = "GET") -> httpx.Response:
    from config.asgi import application  # it reads the settings, which tests may change

    async def send() -> httpx.Response:
        # Our messages are dictionaries, httpx asks for an application that takes any mapping.
        transport = httpx.ASGITransport(cast("Any", application), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path)

    return asyncio.run(send())


def counted(route: str, status: int, method: str = "GET") -> float:
    labels = {"route": route, "method": method, "status": str(status)}
    return REGISTRY.get_sample_value(TOTAL, labels) or 0.0


def timed(route: str, method: str = "GET") -> float:
    return REGISTRY.get_sample_value(COUNT, {"route": route, "method": method}) or 0.0


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/healthz", "/healthz", 200),
        ("/v1/jobs/nobody-has-this", "/v1/jobs/{job_id}", 401),
        ("/v1/nothing/of/the/kind", "unmatched", 404),
        ("/static/no-such-file.css", "/static/", 404),
    ],
)
def test_a_request_counts_for_its_route(path: str, route: str, status: int, db: None) -> None:
    before, timed_before = counted(route, status), timed(route)

    response = get(path)

    assert response.status_code == status
    assert counted(route, status) == before + 1
    assert timed(route) == timed_before + 1


def test_addresses_that_strangers_make_up_are_no_series(db: None) -> None:
    get("/nobody/knows/this/4711")

    labels = [sample.labels for metric in REGISTRY.collect() for sample in metric.samples]
    assert not [each for each in labels if "4711" in str(each)]


def test_methods_that_strangers_make_up_are_one() -> None:
    before = counted("/healthz", 405, "other")

    get("/healthz", method="BREW")

    assert counted("/healthz", 405, "other") == before + 1


def test_a_client_that_leaves_is_counted_as_gone() -> None:
    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    async def call() -> None:
        scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
        await CountRequests(breaks)(scope, _nothing, _nobody)

    before = counted("unmatched", 499)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(call())

    assert counted("unmatched", 499) == before + 1
    assert REGISTRY.get_sample_value("gigarouter_http_requests_in_flight") == 0


async def _nothing() -> dict[str, object]:
    return {}


async def _nobody(message: dict[str, object]) -> None:
    return None
