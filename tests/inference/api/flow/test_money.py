"""Only a delivered answer costs anything, however many ask at once."""

import asyncio
from collections import Counter

import httpx
import pytest

from accounts.credits import ledger
from inference.api.threads import in_thread
from inference.models import Job, State
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_TEXT,
    Api,
    eventually,
    in_base64,
    make_caller,
    money,
)

PATH = "/v1/embeddings"
AT_ONCE = 200
MOST = 300


def body(api: Api, text: str = "a cat") -> dict[str, object]:
    return {"model": api.card.repo, "input": text}


async def all_at_once(
    api: Api, secret: str, bodies: list[dict[str, object]]
) -> list[httpx.Response]:
    async with api.async_client() as client:
        headers = {"Authorization": f"Bearer {secret}"}
        parsed = [client.post(PATH, json=body, headers=headers) for body in bodies]
        return await asyncio.gather(*parsed)


def test_exactly_as_many_succeed_as_the_credit_pays_for(api: Api) -> None:
    pays_for = 7
    user, _, secret = make_caller("poor@lab.example", PRICE_TEXT * pays_for + 3)
    bodies = [body(api, f"text {n}") for n in range(AT_ONCE)]

    responses = asyncio.run(all_at_once(api, secret, bodies))

    statuses = Counter(response.status_code for response in responses)
    assert statuses == {200: pays_for, 402: AT_ONCE - pays_for}
    assert money(user) == (3, 0)
    assert Job.objects.filter(owner=user).count() == pays_for
    assert ledger.check().differences == ()


def test_out_of_credit_is_402_with_the_figures(api: Api) -> None:
    user, _, secret = make_caller("poor@lab.example", 5)

    response = api.client(secret).post(PATH, json=body(api))

    assert response.status_code == 402
    error = response.json()["error"]
    assert error["code"] == "insufficient_credits"
    add_credit = "http://testserver/account/credit/add/"
    assert error["message"] == (
        "This call may cost up to $0.000008, and you have $0.000005 of credit available."
        f" Add credit: {add_credit}"
    )
    assert error["metadata"] == {
        "available": "0.000005",
        "max_cost": "0.000008",
        "add_credit_url": add_credit,
    }
    assert response.headers["x-gigarouter-balance"] == "0.000005"
    assert response.headers["x-gigarouter-cost"] == "0"
    assert money(user) == (5, 0)


def test_a_key_has_a_limit_of_its_own(api: Api) -> None:
    user, _, secret = make_caller("ada2@lab.example", limit_micro_usd=PRICE_TEXT)
    client = api.client(secret)

    first = client.post(PATH, json=body(api))
    second = client.post(PATH, json=body(api, "a dog"))

    assert (first.status_code, second.status_code) == (200, 402)
    assert second.json()["error"]["code"] == "key_limit_reached"
    assert money(user) == (CREDIT - PRICE_TEXT, 0)


def test_all_kinds_of_refusal_release_their_hold(api: Api) -> None:
    damaged = {"model": api.card.repo, "input": [{"image": in_base64(b"GIF89a" + bytes(30))}]}
    answers = [
        api.http.post(PATH, json=bad_body)
        for bad_body in (
            damaged,
            body(api) | {"dimensions": 3},
            body(api) | {"model": "no/such"},
            {},
        )
    ]

    assert all(400 <= answer.status_code < 500 for answer in answers)
    assert money(api.user) == (CREDIT, 0)
    assert ledger.check().differences == ()


def test_who_waits_too_long_pays_nothing(api: Api, settings: pytest.FixtureRequest) -> None:
    settings.API_WAIT_S = 0.5  # type: ignore[attr-defined]
    api.worker.pause()

    response = api.http.post(PATH, json=body(api))

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "not_in_time"
    assert response.headers["retry-after"] == "10"
    assert response.headers["x-should-retry"] == "false"
    assert Job.objects.get().state == State.CANCELLED
    assert money(api.user) == (CREDIT, 0)


def test_who_hangs_up_pays_nothing_for_what_was_not_begun(api: Api) -> None:
    api.worker.pause()
    with pytest.raises(httpx.ReadTimeout):
        api.client(api.secret).post(PATH, json=body(api), timeout=0.7)

    eventually(lambda: Job.objects.filter(state=State.CANCELLED).exists())
    assert money(api.user) == (CREDIT, 0)


def test_who_hangs_up_with_a_preference_keeps_the_job(api: Api) -> None:
    api.worker.pause()
    with pytest.raises(httpx.ReadTimeout):
        api.client(api.secret).post(
            PATH, json=body(api), timeout=0.7, headers={"Prefer": "wait=30"}
        )
    api.worker.resume()

    eventually(lambda: Job.objects.filter(state=State.SUCCEEDED).exists())


def test_300_may_wait_while_others_are_answered(api: Api) -> None:
    """A waiting call holds neither a thread nor a connection of the pool."""
    api.worker.pause()

    async def story() -> list[httpx.Response]:
        async with api.async_client() as client:
            waiting = [
                asyncio.create_task(client.post(PATH, json=body(api, f"text {n}")))
                for n in range(MOST)
            ]
            while await in_thread(Job.objects.count) < MOST:
                await asyncio.sleep(0.1)
            alive = await client.get("/healthz")
            models = await client.get("/v1/models")
            api.worker.resume()
            return [alive, models, *await asyncio.gather(*waiting)]

    responses = asyncio.run(story())

    assert Counter(response.status_code for response in responses) == {200: MOST + 2}
    assert money(api.user) == (CREDIT - MOST * PRICE_TEXT, 0)


@pytest.fixture(autouse=True)
def _room(settings: pytest.FixtureRequest, api: Api) -> None:
    settings.API_QUEUED_JOBS = 1000  # type: ignore[attr-defined]
