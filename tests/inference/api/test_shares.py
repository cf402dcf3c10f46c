"""What one account may hold of a web process; the others' calls go on beside it."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from django.conf import settings as site
from pytest_django import Settings

from accounts import keys
from inference.api import shares, threads
from inference.api.flow import waiting
from inference.models import Job
from tests.inference.api.conftest import Api, eventually, make_caller

PATH = "/v1/embeddings"


NUMBERS = itertools.count()


def ask(api: Api, secret: str = "") -> httpx.Response:
    """Something else each time: identical calls share a job."""
    body = {"model": api.card.repo, "input": f"cat {next(NUMBERS)}"}
    return api.client(secret or api.secret).post(PATH, json=body)


@contextmanager
def calls_in_flight(api: Api, count: int) -> Iterator[list[httpx.Response]]:
    """So many calls wait for a worker that does nothing; then they are answered."""
    answers: list[httpx.Response] = []
    api.worker.pause()
    with ThreadPoolExecutor(count) as pool:
        calls = []
        for number in range(1, count + 1):
            calls.append(pool.submit(ask, api))
            eventually(lambda: Job.objects.queued().count() == number)  # noqa: B023  asked at once
        yield answers
        api.worker.resume()
        answers.extend(call.result() for call in calls)


def is_refused(response: httpx.Response, code: str) -> None:
    assert response.status_code == 429, response.text
    assert response.json()["error"]["code"] == code
    assert response.headers["retry-after"] == "1"


def test_beyond_so_many_calls_at_once_an_account_is_refused_and_nobody_else(
    api: Api, settings: Settings
) -> None:
    settings.API_CALLS_IN_FLIGHT = 2
    *_, other = make_caller("bob@lab.example")

    with calls_in_flight(api, 2) as answers:
        is_refused(ask(api), "too_many_in_flight")
        assert api.http.get("/v1/models").status_code == 200
        body = {"model": api.card.repo, "input": "a cat"}
        in_the_background = {"Prefer": "respond-async"}
        assert api.client(other).post(PATH, json=body, headers=in_the_background).status_code == 202

    assert [answer.status_code for answer in answers] == [200, 200]
    assert ask(api).status_code == 200


def test_another_key_has_calls_of_its_own_up_to_what_the_account_has(
    api: Api, settings: Settings
) -> None:
    settings.API_CALLS_IN_FLIGHT, settings.API_CALLS_IN_FLIGHT_ACCOUNT = 2, 3
    _, another = keys.issue(api.user, name="another")
    body = {"model": api.card.repo, "input": "a cat"}

    with calls_in_flight(api, 2):
        refused = ask(api)
        is_refused(refused, "too_many_in_flight")
        assert refused.headers["x-ratelimit-limited-by"] == "key"
        assert "by this API key" in refused.json()["error"]["message"]
        settings.API_CALLS_IN_FLIGHT_ACCOUNT = 2
        refused = api.client(another).post(PATH, json=body)
        is_refused(refused, "too_many_in_flight")
        assert refused.headers["x-ratelimit-limited-by"] == "account"
        assert refused.json()["error"]["metadata"] == {"limit": "account", "allowed": 2}
        settings.API_CALLS_IN_FLIGHT_ACCOUNT = 3
        later = {"Prefer": "respond-async"}
        assert api.client(another).post(PATH, json=body, headers=later).status_code == 202


def test_staff_can_let_an_account_have_more(api: Api, settings: Settings) -> None:
    settings.API_CALLS_IN_FLIGHT = 1
    api.user.max_calls_in_flight = 3
    api.user.save()

    with calls_in_flight(api, 3):
        is_refused(ask(api), "too_many_in_flight")


def test_who_hangs_up_has_no_call_in_flight(api: Api, settings: Settings) -> None:
    settings.API_CALLS_IN_FLIGHT = 1
    api.worker.pause()
    body = {"model": api.card.repo, "input": "a cat"}
    with pytest.raises(httpx.ReadTimeout):
        api.client(api.secret).post(PATH, json=body, timeout=0.7)

    api.worker.resume()
    eventually(lambda: ask(api).status_code == 200)


def held_bytes() -> int:
    return sum(process.body_bytes for process in shares._processes.values())


@contextmanager
def half_a_body(api: Api, length: int) -> Iterator[None]:
    host, port = api.base_url.removeprefix("http://").split(":")
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {api.secret}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "",
        "{",
    ]
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall("\r\n".join(lines).encode())
        # A call that overtook it would hold a part of what it needs, and it would be refused.
        eventually(lambda: held_bytes() >= length)
        yield


def test_bodies_of_one_account_leave_memory_to_others(api: Api, settings: Settings) -> None:
    settings.API_MAX_BODY_BYTES, settings.API_BODY_MEMORY_BYTES = 1000, 3000
    *_, other = make_caller("bob@lab.example")

    with half_a_body(api, 990):
        eventually(lambda: ask(api).status_code == 429)
        is_refused(ask(api), "too_much_in_flight")
        assert ask(api, other).status_code == 200

    eventually(lambda: ask(api).status_code == 200)


def test_bodies_of_all_have_a_bound(api: Api, settings: Settings) -> None:
    settings.API_MAX_BODY_BYTES, settings.API_BODY_MEMORY_BYTES = 1000, 1000
    *_, other = make_caller("bob@lab.example")

    with half_a_body(api, 990):
        eventually(lambda: ask(api, other).status_code == 503)

    eventually(lambda: ask(api, other).status_code == 200)  # or the next test's body has no room


def test_a_body_whose_length_is_not_stated_is_counted_as_it_comes(
    api: Api, settings: Settings
) -> None:
    settings.API_MAX_BODY_BYTES, settings.API_BODY_MEMORY_BYTES = 1000, 1000

    def pieces() -> Iterator[bytes]:
        yield b'{"model": '
        yield b"x" * 20

    with half_a_body(api, 990):
        eventually(lambda: ask(api).status_code == 429)
        answer = api.http.post(PATH, content=pieces(), headers={"Content-Type": "application/json"})

    is_refused(answer, "too_much_in_flight")


def test_a_stored_job_gives_its_body_s_memory_back(api: Api, settings: Settings) -> None:
    settings.API_MAX_BODY_BYTES, settings.API_BODY_MEMORY_BYTES = 70, 70

    with calls_in_flight(api, 2) as answers:
        pass

    assert [answer.status_code for answer in answers] == [200, 200]


# --- threads --------------------------------------------------------------------------------------


def test_one_account_holds_half_of_the_threads() -> None:
    hold = threading.Event()
    running: list[int] = []

    def work(account: int) -> None:
        running.append(account)
        hold.wait(20)

    async def call_of(account: int) -> None:
        shares.enter(account)
        await threads.in_thread(work, account)

    async def story() -> None:
        calls = [asyncio.create_task(call_of(1)) for _ in range(20)]
        await asyncio.sleep(0.2)
        assert running == [1] * (site.API_THREADS // 2)
        calls.append(asyncio.create_task(call_of(2)))
        await until(lambda: 2 in running)
        hold.set()
        await asyncio.gather(*calls)

    asyncio.run(story())
    assert sorted(running) == [1] * 20 + [2]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def test_a_call_that_still_waits_for_a_thread_is_dropped_when_its_client_leaves() -> None:
    ran: list[int] = []

    async def story() -> None:
        client_left = asyncio.create_task(asyncio.sleep(0.1))
        share = shares.enter(1)
        for _ in range(site.API_THREADS // 2):
            await share.threads.acquire()
        with pytest.raises(waiting.ClientGone):
            await waiting.Client(client_left).stays_for(threads.in_thread(ran.append, 1))

    asyncio.run(story())
    assert ran == []


def test_a_thread_that_has_begun_is_waited_for_when_its_client_leaves() -> None:
    """What is cleaned up afterwards comes after all that the thread has done."""
    began, ended = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        time.sleep(0.3)
        ended.set()

    async def story() -> None:
        client_left = asyncio.create_task(asyncio.to_thread(began.wait, 20))
        with pytest.raises(waiting.ClientGone):
            await waiting.Client(client_left).stays_for(threads.in_thread(work))
        assert ended.is_set()

    asyncio.run(story())
