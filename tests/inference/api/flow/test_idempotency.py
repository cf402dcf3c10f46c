"""A call that is repeated under its key is done once."""

import asyncio
import dataclasses
import json
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db.models.functions import Now

from catalog.infrastructure.retention import Budget
from inference import kinds, notify
from inference.api import app
from inference.api.flow import idempotency
from inference.jobs import tidy
from inference.models import IdempotentCall, Job, State
from tests.conftest import photo_bytes
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_IMAGE,
    PRICE_TEXT,
    Api,
    data_url,
    eventually,
    in_base64,
    make_caller,
    money,
)

PATH = "/v1/embeddings"


def ask(
    api: Api, key: str = "k1", text: str = "a cat", secret: str = "", **headers: str
) -> httpx.Response:
    body = {"model": api.card.repo, "input": text}
    return api.client(secret or api.secret).post(
        PATH, json=body, headers={"Idempotency-Key": key, **headers}
    )


def test_a_repetition_is_a_replay(api: Api) -> None:
    first, second = ask(api), ask(api)

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert Job.objects.count() == 1
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_many_at_once_make_one_job(api: Api) -> None:
    async def story() -> list[httpx.Response]:
        async with api.async_client() as client:
            body = {"model": api.card.repo, "input": "a cat"}
            headers = {"Idempotency-Key": "k1"}
            return await asyncio.gather(
                *(client.post(PATH, json=body, headers=headers) for _ in range(20))
            )

    responses = asyncio.run(story())

    statuses = Counter(response.status_code for response in responses)
    assert set(statuses) <= {200, 409}
    assert statuses[200] >= 1
    assert all(
        response.headers["retry-after"] == "1"
        for response in responses
        if response.status_code == 409
    )
    assert Job.objects.count() == 1
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_another_body_under_the_same_key_is_422(api: Api) -> None:
    ask(api)

    response = ask(api, text="a dog")

    assert response.status_code == 422
    assert response.json()["error"]["code"] == "idempotency_key_reused"
    assert Job.objects.count() == 1


def test_keys_belong_to_an_account_and_an_endpoint(api: Api) -> None:
    *_, other = make_caller("bob@lab.example")
    body = {"model": api.card.repo, "input": data_url(), "labels": ["a", "b"]}

    responses = [
        ask(api),
        ask(api, secret=other),
        api.http.post("/v1/classify", json=body, headers={"Idempotency-Key": "k1"}),
    ]

    assert [response.status_code for response in responses] == [200, 200, 200]
    assert Job.objects.count() == 3


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\xe9"])
def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    body = {"model": api.card.repo, "input": "a"}
    response = api.http.post(PATH, json=body, headers={b"Idempotency-Key": key.encode("latin-1")})

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_idempotency_key"


def test_a_refused_call_leaves_its_key_free(api: Api) -> None:
    body = {"model": "no/such", "input": "a"}
    refused = api.http.post(PATH, json=body, headers={"Idempotency-Key": "k1"})

    assert refused.status_code == 404
    assert not IdempotentCall.objects.exists()
    assert ask(api).status_code == 200


def test_another_model_in_the_address_is_another_request(api: Api) -> None:
    def send(model: str) -> int:
        body = {"image": data_url(), "candidate_labels": ["a", "b"]}
        headers = {"Idempotency-Key": "k1"}
        return api.http.post(f"/v1/inference/{model}", json=body, headers=headers).status_code

    assert (send(api.card.repo), send("no/such")) == (200, 422)


def test_a_replay_of_a_call_that_did_not_wait_is_the_same_job(api: Api) -> None:
    api.worker.pause()

    first = ask(api, Prefer="respond-async")
    second = ask(api, Prefer="respond-async")

    assert first.status_code == second.status_code == 202
    assert first.json()["id"] == second.json()["id"]


def test_who_asks_for_the_job_gets_the_job_also_when_it_has_ended(api: Api) -> None:
    first = ask(api, Prefer="respond-async").json()
    eventually(lambda: Job.objects.get().is_final)

    response = ask(api, Prefer="respond-async")

    assert response.status_code == 202
    assert response.headers["preference-applied"] == "respond-async"
    assert response.headers["location"] == f"/v1/jobs/{first['id']}"
    assert (response.json()["id"], response.json()["status"]) == (first["id"], "succeeded")
    assert response.json()["result"]["data"]


def test_a_job_that_failed_by_then_tells_so_itself(api: Api) -> None:
    def send() -> httpx.Response:
        image = in_base64(photo_bytes(200, 200, kind="PNG")[:200])
        return api.http.post(
            PATH,
            json={"model": api.card.repo, "input": [{"image": image}]},
            headers={"Idempotency-Key": "k1", "Prefer": "respond-async"},
        )

    send()
    eventually(lambda: Job.objects.get().is_final)

    assert send().status_code == 202
    assert send().json()["error"]["code"] == "invalid_image"
    assert Job.objects.count() == 1


def test_a_replay_may_fetch_the_result(api: Api) -> None:
    ask(api, Prefer="respond-async")

    assert ask(api).json()["object"] == "list"
    assert Job.objects.count() == 1


def test_whoever_takes_over_from_a_dead_process_finds_its_job(api: Api) -> None:
    ask(api)
    IdempotentCall.objects.update(job=None, held_until=Now() - timedelta(seconds=1))

    response = ask(api)

    assert response.status_code == 200
    assert Job.objects.count() == 1
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_a_call_that_is_under_way_is_409(api: Api) -> None:
    ask(api)
    IdempotentCall.objects.update(job=None, held_until=Now() + timedelta(seconds=30))

    response = ask(api)

    assert response.status_code == 409
    assert response.json()["error"]["code"] == "idempotency_key_in_use"


def test_after_a_day_the_key_is_free(api: Api) -> None:
    ask(api)
    IdempotentCall.objects.update(created_at=Now() - timedelta(hours=25))

    assert ask(api, text="a dog").status_code == 200


def test_the_tidying_forgets_old_keys(api: Api) -> None:
    ask(api)
    IdempotentCall.objects.update(created_at=Now() - timedelta(hours=25))
    ask(api, key="k2")

    tidy.tidy(Budget(20))

    assert [call.key for call in IdempotentCall.objects.all()] == ["k2"]


def test_who_hung_up_finds_the_answer_under_the_key(api: Api) -> None:
    api.worker.pause()
    body = {"model": api.card.repo, "input": "a cat"}
    with pytest.raises(httpx.ReadTimeout):
        api.client(api.secret).post(PATH, json=body, timeout=0.7, headers={"Idempotency-Key": "k1"})
    eventually(lambda: not IdempotentCall.objects.exists())
    api.worker.resume()

    assert ask(api).status_code == 200
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


@pytest.mark.parametrize("prefer", ["wait=60", "respond-async, wait=60"])
def test_a_patient_caller_who_hung_up_finds_the_job_at_once(api: Api, prefer: str) -> None:
    api.worker.pause()
    body = {"model": api.card.repo, "input": "a cat"}
    headers = {"Idempotency-Key": "k1", "Prefer": prefer}
    with pytest.raises(httpx.ReadTimeout):
        api.client(api.secret).post(PATH, json=body, timeout=0.7, headers=headers)
    eventually(lambda: IdempotentCall.objects.get().held_until is None)
    api.worker.resume()

    answer = ask(api)

    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
    assert Job.objects.count() == 1
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_who_asks_again_and_leaves_does_not_end_the_first_call_s_job(api: Api) -> None:
    api.worker.pause()
    ask(api, Prefer="respond-async")
    body = {"model": api.card.repo, "input": "a cat"}
    with pytest.raises(httpx.ReadTimeout):
        api.client(api.secret).post(PATH, json=body, timeout=0.7, headers={"Idempotency-Key": "k1"})
    api.worker.resume()

    eventually(lambda: Job.objects.get().state == State.SUCCEEDED)


def test_a_call_that_was_taken_over_leaves_its_successor_s_hold_alone(api: Api) -> None:
    def claim() -> IdempotentCall:
        return idempotency.claim(api.user, endpoint=PATH, key="k1", fingerprint="f")

    slow = claim()
    IdempotentCall.objects.update(held_until=Now() - timedelta(seconds=1))
    successor = claim()

    idempotency.release(slow)
    held = IdempotentCall.objects.get()
    idempotency.release(successor)

    assert held.held_until is not None
    assert slow.submission_key == successor.submission_key
    assert not IdempotentCall.objects.exists()


def test_a_call_that_takes_long_keeps_its_key(api: Api) -> None:
    slow = idempotency.claim(api.user, endpoint=PATH, key="k1", fingerprint="f")
    IdempotentCall.objects.update(held_until=Now() - timedelta(seconds=1))

    async def story() -> None:
        async with idempotency.renewed(slow, every_s=0.01):
            while await IdempotentCall.objects.abandoned().aexists():
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(story(), 30))

    assert IdempotentCall.objects.get().hold_token == slow.hold_token


def test_a_call_that_was_answered_is_not_held_again(api: Api) -> None:
    ask(api)
    answered = IdempotentCall.objects.get()

    async def story() -> None:
        async with idempotency.renewed(answered, every_s=0.01):
            await asyncio.sleep(0.2)

    asyncio.run(story())

    assert IdempotentCall.objects.get().held_until is None


def test_a_server_that_is_stopped_leaves_no_key_in_use(api: Api) -> None:
    api.worker.pause()

    async def story() -> None:
        transport = httpx.ASGITransport(app=app.build())
        headers = {"Authorization": f"Bearer {api.secret}", "Idempotency-Key": "k1"}
        async with httpx.AsyncClient(transport=transport, base_url=api.base_url) as client:
            body = {"model": api.card.repo, "input": "a cat"}
            call = asyncio.create_task(client.post(PATH, json=body, headers=headers))
            while not await sync_to_async(Job.objects.exists)():
                await asyncio.sleep(0.05)
            call.cancel()
            await asyncio.wait([call])
        notify.current_listener().close()

    asyncio.run(story())

    eventually(lambda: not IdempotentCall.objects.exists())
    assert Job.objects.get().state == State.CANCELLED


def test_a_form_is_known_by_what_it_holds(api: Api) -> None:
    def send() -> httpx.Response:
        return api.http.post(
            f"/v1/inference/{api.card.repo}",
            files={"image": ("f.jpg", photo_bytes())},
            data={"candidate_labels": json.dumps(["a", "b"])},
            headers={"Idempotency-Key": "k1"},
        )

    first, second = send(), send()

    assert first.request.headers["content-type"] != second.request.headers["content-type"]
    assert first.json() == second.json()
    assert money(api.user) == (CREDIT - PRICE_IMAGE - 2 * PRICE_TEXT, 0)


def test_the_row_says_what_it_must(api: Api) -> None:
    ask(api)
    call = IdempotentCall.objects.get()

    idempotency.release(call)

    assert str(call) == f"{PATH} k1"
    assert not IdempotentCall.objects.exists()


def cannot_be_written(_: Job) -> dict[str, object]:
    raise ZeroDivisionError


def test_after_an_accident_the_key_finds_the_job(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        kind = dataclasses.replace(kinds.embed.KIND, answer=cannot_be_written)
        broken.setitem(kinds.KINDS, kind.name, kind)
        assert ask(api).status_code == 500
    eventually(lambda: IdempotentCall.objects.get().held_until is None)

    assert ask(api).status_code == 200
    assert Job.objects.count() == 1
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)
