"""Who hangs up pays nothing; who sends the same meanwhile waits for the same job."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import pytest
from django.db import connections
from django.db.models.functions import Now

from accounts import keys
from accounts.credits import ledger
from catalog.infrastructure.retention import Budget
from inference.api.flow import joining
from inference.api.threads import in_thread
from inference.jobs import tidy
from inference.models import Job, State, WaitedCall
from inference.models.idempotency import WAITED_KEPT_FOR
from inference.runtime.encoder import Embeddings
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_TEXT,
    Api,
    eventually,
    make_caller,
    money,
)

PATH = "/v1/embeddings"


def body(api: Api, text: str = "a cat") -> dict[str, object]:
    return {"model": api.card.repo, "input": text}


def hang_up(api: Api, **headers: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        api.client(api.secret).post(PATH, json=body(api), timeout=0.7, headers=headers)


def states() -> set[str]:
    return set(Job.objects.values_list("state", flat=True))


@contextmanager
def forward_pass_that_takes_long(api: Api) -> Iterator[threading.Event]:
    """Jobs run until the event is set, or this is left."""
    may_go_on, encode = threading.Event(), api.worker.encoder.encode_texts

    def slow(texts: Sequence[str]) -> Embeddings:
        may_go_on.wait(30)
        return encode(texts)

    api.worker.encoder.encode_texts = slow  # type: ignore[method-assign]
    try:
        yield may_go_on
    finally:
        may_go_on.set()
        api.worker.encoder.encode_texts = encode  # type: ignore[method-assign]


async def together(api: Api, bodies: list[dict[str, object]], wait: int) -> list[httpx.Response]:
    """All sent at once; the worker goes on when so many calls wait."""
    async with api.async_client() as client:
        calls = [asyncio.create_task(client.post(PATH, json=one)) for one in bodies]
        while await in_thread(_waiting) < wait:
            await asyncio.sleep(0.02)
        api.worker.resume()
        return await asyncio.gather(*calls)


def _waiting() -> int:
    return sum(WaitedCall.objects.values_list("waiters", flat=True))


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}], ids=["", "with a key"])
def test_who_hangs_up_while_the_job_runs_pays_nothing(api: Api, headers: dict[str, str]) -> None:
    with forward_pass_that_takes_long(api):
        hang_up(api, **headers)
        eventually(lambda: states() == {State.CANCELLED})

    assert money(api.user) == (CREDIT, 0)
    assert ledger.check().differences == ()


def test_who_takes_a_202_keeps_a_running_job(api: Api) -> None:
    with forward_pass_that_takes_long(api) as may_go_on:
        hang_up(api, Prefer="wait=30")
        may_go_on.set()
        eventually(lambda: states() == {State.SUCCEEDED})

    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_identical_calls_wait_for_one_job_and_pay_once(api: Api) -> None:
    api.worker.pause()

    answers = asyncio.run(together(api, [body(api)] * 5, wait=5))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert Job.objects.exclude(state=State.CANCELLED).count() == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_one_of_them_says_what_it_cost(api: Api) -> None:
    api.worker.pause()

    answers = asyncio.run(together(api, [body(api)] * 4, wait=4))

    assert sorted(answer.json()["usage"]["cost_usd"] for answer in answers) == [
        *["0"] * 3,
        "0.000008",
    ]
    assert sorted(answer.headers["x-gigarouter-cost"] for answer in answers) == [
        *["0"] * 3,
        "0.000008",
    ]
    assert [answer.headers.get("idempotent-replayed") for answer in answers].count("true") == 3


def test_other_bodies_keys_and_addresses_have_jobs_of_their_own(api: Api) -> None:
    _, other_key = keys.issue(api.user, name="second")
    _, _, bob = make_caller("bob@lab.example")
    api.worker.pause()

    async def story() -> list[httpx.Response]:
        async with api.async_client() as client:
            calls = [
                client.post(PATH, json=body(api)),
                client.post(PATH, json=body(api, "a dog")),
                client.post(PATH, json=body(api), headers={"Authorization": f"Bearer {other_key}"}),
                client.post(PATH, json=body(api), headers={"Authorization": f"Bearer {bob}"}),
                client.post(PATH, json=body(api), headers={"Idempotency-Key": "k"}),
                client.post(PATH, json=body(api), headers={"Prefer": "respond-async"}),
                client.post(PATH, json=body(api), headers={"Prefer": "wait=30"}),
            ]
            tasks = [asyncio.create_task(call) for call in calls]
            while await in_thread(Job.objects.count) < len(calls):
                await asyncio.sleep(0.02)
            api.worker.resume()
            return await asyncio.gather(*tasks)

    answers = asyncio.run(story())

    assert {answer.status_code for answer in answers} == {200, 202}
    assert Job.objects.filter(state=State.CANCELLED).count() == 0


def test_a_job_that_has_ended_is_not_joined(api: Api) -> None:
    first, second = (api.http.post(PATH, json=body(api)) for _ in range(2))

    assert first.json()["id"] != second.json()["id"]
    assert "idempotent-replayed" not in second.headers


def test_after_a_minute_another_job_is_begun(api: Api) -> None:
    api.worker.pause()

    async def story() -> list[httpx.Response]:
        async with api.async_client() as client:
            first = asyncio.create_task(client.post(PATH, json=body(api)))
            while not await in_thread(WaitedCall.objects.exists):
                await asyncio.sleep(0.02)
            long_ago = Now() - WAITED_KEPT_FOR / 2
            await in_thread(lambda: WaitedCall.objects.update(created_at=long_ago))
            second = asyncio.create_task(client.post(PATH, json=body(api)))
            while await in_thread(Job.objects.count) < 2:
                await asyncio.sleep(0.02)
            api.worker.resume()
            return [await first, await second]

    first, second = asyncio.run(story())

    assert first.json()["id"] != second.json()["id"]


def test_who_leaves_does_not_take_the_job_from_who_waits(api: Api) -> None:
    """The usual case: a client gives up, and sends the same again before we know."""
    api.worker.pause()

    async def story() -> httpx.Response:
        async with api.async_client() as client:
            first = asyncio.create_task(client.post(PATH, json=body(api)))
            while await in_thread(_waiting) < 1:
                await asyncio.sleep(0.02)
            second = asyncio.create_task(client.post(PATH, json=body(api)))
            while await in_thread(_waiting) < 2:
                await asyncio.sleep(0.02)
            first.cancel()
            while await in_thread(_waiting) > 1:
                await asyncio.sleep(0.02)
            api.worker.resume()
            return await second

    answer = asyncio.run(story())

    assert answer.status_code == 200
    assert answer.json()["usage"]["cost_usd"] == "0.000008"
    assert Job.objects.count() == 1
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_the_last_who_leaves_cancels_it(api: Api) -> None:
    api.worker.pause()

    async def story() -> None:
        async with api.async_client() as client:
            calls = [asyncio.create_task(client.post(PATH, json=body(api))) for _ in range(3)]
            while await in_thread(_waiting) < 3:
                await asyncio.sleep(0.02)
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)

    asyncio.run(story())

    eventually(lambda: states() == {State.CANCELLED})
    api.worker.resume()
    assert api.http.post(PATH, json=body(api)).status_code == 200
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_leaving_and_joining_at_once_loses_nobody(api: Api) -> None:
    """Two threads, again and again: who has joined has a job that is not canceled."""
    api.worker.pause()
    for number in range(20):
        job = Job.objects.get(pk=_submitted(api, f"text {number}"))
        call_hash = f"{number}"
        assert joining.register(api.key, call_hash, job) == job.pk
        start = threading.Barrier(2)
        joined: list[object] = []

        thread = threading.Thread(target=_join, args=[api, call_hash, start, joined])
        thread.start()
        start.wait()
        is_canceled = joining.leave(job)
        thread.join()

        assert is_canceled == (joined == [None]), number


def _join(api: Api, call_hash: str, start: threading.Barrier, joined: list[object]) -> None:
    start.wait()
    joined.append(joining.join(api.key, call_hash))
    connections.close_all()


def _submitted(api: Api, text: str) -> str:
    answer = api.http.post(PATH, json=body(api, text), headers={"Prefer": "respond-async"})
    return str(answer.json()["id"])


def test_the_tidying_forgets_old_rows(api: Api) -> None:
    api.http.post(PATH, json=body(api))
    WaitedCall.objects.update(created_at=Now() - 2 * WAITED_KEPT_FOR)

    tidy.tidy(Budget(20))

    assert not WaitedCall.objects.exists()
