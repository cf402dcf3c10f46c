"""Whoever only asks is limited, too: apart from submissions, and ten times as generously."""

import asyncio
import uuid

import httpx
import pytest
from celery import current_app
from django.db import connection
from pytest_django import Settings

from accounts import keys
from inference.api import limits
from inference.api.limits import RateLimit
from inference.api.resources import events
from inference.outbound import fetch_queue
from tests.conftest import photo_bytes
from tests.fakes.far_server import canary, far_server, world
from tests.inference.api.conftest import Api, ended, eventually, in_base64, make_caller, submit

OTHERS = ["/v1/models", "/v1/models/clip-vit-base-patch32", "/v1/jobs", "/v1/account"]


@pytest.fixture
def one_submit_a_minute(one_window: None, settings: Settings) -> None:
    """And ten other calls, all of them within one window."""
    settings.API_SUBMITS_PER_MINUTE, settings.API_SUBMITS_PER_MINUTE_ACCOUNT = 1, 100


def embed(api: Api) -> httpx.Response:
    return api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a"})


def embed_url(api: Api) -> httpx.Response:
    image = {"image": "https://good.example/gone.jpg"}
    return api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": [image]})


@pytest.mark.parametrize("path", [*OTHERS, "/v1/jobs/{job}", "/v1/jobs/{job}/events"])
def test_beyond_the_limit_every_other_call_is_429(
    api: Api, one_submit_a_minute: None, path: str
) -> None:
    address = path.format(job=ended(api).pk)
    client = api.http

    allowed = [client.get(address) for _ in range(10)]
    refused = client.get(address)

    assert {response.status_code for response in allowed} == {200}
    assert allowed[-1].headers["ratelimit"].startswith('"others";r=0;t=')
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == "10"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["ratelimit-policy"] == '"fixed window";"others";q=10;w=60'


def test_cancelling_counts_as_another_call(api: Api, one_submit_a_minute: None) -> None:
    address = f"/v1/jobs/{ended(api).pk}/cancel"

    codes = [api.http.post(address).status_code for _ in range(11)]

    assert codes == [409] * 10 + [429]


def test_who_asks_too_often_can_still_submit(api: Api, one_submit_a_minute: None) -> None:
    for _ in range(11):
        answer = api.http.get("/v1/models")

    assert answer.status_code == 429
    assert embed(api).status_code == 200
    assert embed(api).status_code == 429


def test_another_key_has_calls_of_its_own_and_another_account_too(
    api: Api, one_submit_a_minute: None
) -> None:
    for _ in range(11):
        api.http.get("/v1/models")
    _, another_key = keys.issue(api.user, name="another")
    _, _, bobs = make_caller("bob@lab.example")

    for secret in (another_key, bobs):
        assert api.client(secret).get("/v1/models").status_code == 200


def test_keys_of_an_account_share_its_other_calls(
    api: Api, one_submit_a_minute: None, settings: Settings
) -> None:
    settings.API_SUBMITS_PER_MINUTE, settings.API_SUBMITS_PER_MINUTE_ACCOUNT = 100, 1
    _, another_key = keys.issue(api.user, name="another")
    for _ in range(10):
        api.http.get("/v1/models")

    assert api.client(another_key).get("/v1/models").status_code == 429


def test_a_refusal_names_the_limit_that_was_hit(
    api: Api, one_submit_a_minute: None, settings: Settings
) -> None:
    embed(api)
    of_key = embed(api)
    settings.API_SUBMITS_PER_MINUTE, settings.API_SUBMITS_PER_MINUTE_ACCOUNT = 100, 2
    of_account = embed(api)

    assert of_key.headers["x-ratelimit-limited-by"] == "key"
    assert "more than 1 calls in a minute by one API key" in of_key.json()["error"]["message"]
    assert of_account.headers["x-ratelimit-limited-by"] == "account"
    assert of_account.headers["x-ratelimit-limit-requests"] == "2"
    assert of_account.json()["error"]["metadata"] == {
        "limit": "account",
        "allowed": 2,
        "window_s": 60,
    }


@pytest.mark.usefixtures("one_window")
def test_images_are_counted_beside_calls(api: Api, settings: Settings) -> None:
    settings.API_IMAGES_PER_MINUTE = 3

    def embed_images(count: int) -> httpx.Response:
        images = [{"image": in_base64()}] * count
        return api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": images})

    answered = embed_images(2)
    refused = embed_images(2)

    assert answered.headers["x-ratelimit-limit-images"] == "3"
    assert answered.headers["x-ratelimit-remaining-images"] == "1"
    assert refused.status_code == 429
    assert refused.headers["x-ratelimit-limited-by"] == "images"
    assert refused.headers["x-ratelimit-remaining-images"] == "0"
    assert "3 images in a minute" in refused.json()["error"]["message"]
    assert embed(api).status_code == 200


@pytest.mark.usefixtures("one_window")
def test_staff_can_let_an_account_call_more_often(api: Api, settings: Settings) -> None:
    settings.API_SUBMITS_PER_MINUTE = settings.API_SUBMITS_PER_MINUTE_ACCOUNT = 1
    settings.API_IMAGES_PER_MINUTE = 0
    api.user.max_calls_per_minute, api.user.max_images_per_minute = 3, 1
    api.user.save()
    body = {"model": api.card.repo, "input": [{"image": in_base64()}]}

    assert api.http.post("/v1/embeddings", json=body).status_code == 200
    assert embed(api).headers["x-ratelimit-limit-requests"] == "3"
    assert embed(api).headers["x-ratelimit-remaining-requests"] == "0"
    assert embed(api).status_code == 429


def test_a_wrong_key_counts_for_nobody(api: Api, one_submit_a_minute: None) -> None:
    for _ in range(12):
        assert api.client("gr_live_wrong").get("/v1/models").status_code == 401

    assert api.http.get("/v1/models").headers["x-ratelimit-remaining-requests"] == "9"


def test_without_the_cache_jobs_can_be_asked_for_but_not_submitted(
    api: Api, settings: Settings
) -> None:
    job = ended(api)

    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    }

    assert api.http.get(f"/v1/jobs/{job.pk}").json()["status"] == "succeeded"
    assert embed(api).status_code == 503


def test_streams_that_are_opened_at_the_same_moment_are_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_STREAMS", 3)
    api.worker.pause()
    job = submit(api)

    async def story() -> list[int]:
        async with api.async_client() as client:
            parsed = [
                asyncio.create_task(client.get(f"/v1/jobs/{job.pk}/events")) for _ in range(10)
            ]
            answered = asyncio.as_completed(parsed)
            refused = [(await next(answered)).status_code for _ in range(7)]
            api.worker.resume()
            return [*refused, *[(await request).status_code for request in answered]]

    assert asyncio.run(story()) == [429] * 7 + [200] * 3


@pytest.mark.usefixtures("one_window")
def test_what_a_call_made_us_do_in_vain_counts_as_further_calls(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL that leads nowhere: the fetch workers' time is counted by the second."""
    with far_server() as far, canary() as bird:

        def fetch(_: str, args: tuple[str, list[str]], **__: object) -> None:
            fetch_queue.serve(uuid.UUID(args[0]), args[1], client=world(far, bird))
            connection.close()  # of a thread that lives on

        monkeypatch.setattr(current_app, "send_task", fetch)
        before = int(embed(api).headers["x-ratelimit-remaining-requests"])

        refused = embed_url(api)

    assert refused.json()["error"]["code"] == "image_fetch_failed"
    eventually(
        lambda: limits.current_window(api.key, RateLimit.SUBMISSIONS).remaining == before - 2
    )


@pytest.mark.usefixtures("one_window")
def test_where_nobody_could_fetch_no_more_than_the_call_is_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(current_app, "send_task", away)
    before = int(embed(api).headers["x-ratelimit-remaining-requests"])

    refused = embed_url(api)

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert limits.current_window(api.key, RateLimit.SUBMISSIONS).remaining == before - 1


@pytest.mark.usefixtures("one_window")
def test_an_image_that_cannot_be_decoded_counts_as_a_further_call(api: Api) -> None:
    before = int(embed(api).headers["x-ratelimit-remaining-requests"])
    image = {"image": in_base64(photo_bytes(200, 200, kind="PNG")[:200])}

    failed = api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": [image]})

    assert failed.json()["error"]["code"] == "invalid_image"
    assert limits.current_window(api.key, RateLimit.SUBMISSIONS).remaining == before - 2
