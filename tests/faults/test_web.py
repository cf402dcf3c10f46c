"""F03, F09: web processes that are replaced, or killed, while clients wait for them."""

import itertools
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from bench import servers
from bench.abuse.pictures import data_url
from bench.abuse.stage import issue_key
from bench.faults.load import Record, send_all, small_photo
from devserver.guard import Guard
from inference.models import Job, State
from tests.faults.house import House, only_long
from tests.support.site import is_alive, wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
    only_long("web processes have to start; test_leaving and test_idempotency are quicker"),
]


ROUNDS = 3
KILLED_JOBS, KILLS = 200, 4


class Balancer:
    """Sends each request to the next web process, and on to another if it refuses the connection.

    That is what any proxy does. What was sent and then broke off counts as failed.
    """

    def __init__(self, addresses: list[str], key: str) -> None:
        self._addresses = addresses
        self._turns = itertools.count()
        self._headers = {"Authorization": f"Bearer {key}"}
        self.statuses: Counter[str] = Counter()

    def send(self, method: str, path: str, **options: object) -> httpx.Response | None:
        first = next(self._turns)
        for turn in range(first, first + len(self._addresses)):
            try:
                response = httpx.request(
                    method,
                    self._addresses[turn % len(self._addresses)] + path,
                    timeout=60,
                    headers=self._headers,
                    **options,  # type: ignore[arg-type]
                )
            except httpx.ConnectError:
                continue
            except httpx.TransportError as error:
                self.statuses[type(error).__name__] += 1
                return None
            self.statuses[str(response.status_code)] += 1
            return response
        self.statuses["nobody"] += 1
        return None


def body(house: House) -> dict[str, object]:
    image = {"image": data_url(small_photo(60), "jpeg")}
    return {"model": house.card.repo, "input": [image], "labels": ["a cat", "a dog"]}


@contextmanager
def one_more_web(house: House, tmp_path: Path) -> Iterator[tuple[str, servers.Process]]:
    guard = Guard()
    try:
        with servers.web(house.environ(), tmp_path / "web.log", guard) as (port, process):
            yield f"http://127.0.0.1:{port}", process
    finally:
        guard.close()


def test_f03_a_rolling_restart_fails_no_request(house: House, tmp_path: Path) -> None:
    """Two web processes and two workers are replaced in turn under load."""
    stopped = threading.Event()
    with ExitStack() as stack:
        address, second = stack.enter_context(one_more_web(house, tmp_path))
        balancer = Balancer([house.site.address, address], issue_key("grace@lab.example", "100"))

        def ask() -> None:
            while not stopped.is_set():
                balancer.send("POST", "/v1/classify", json=body(house))
                balancer.send("GET", "/models/")
                time.sleep(0.2)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(ROUNDS):
                with house.one_more_worker() as other:
                    replace(house.worker())
                    house.wait_for_worker()
                    replace(other)
                replace(house.site.child("config.server"))
                wait_for(lambda: answers(house.site.address))
            wait_for(lambda: balancer.statuses.total() >= 8)
            second.terminate()
            second.wait()
            served = balancer.statuses.total()
            wait_for(lambda: balancer.statuses.total() >= served + 8)
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
    house.settles()

    assert set(balancer.statuses) == {"200"}, balancer.statuses
    house.accepted += Job.objects.values_list("pk", flat=True)
    house.check()
    assert set(Job.objects.values_list("state", "attempt")) == {(State.SUCCEEDED, 1)}
    house.report(f"{balancer.statuses.total()} requests, none failed, {len(house.accepted)} jobs")


def replace(process: psutil.Process) -> None:
    process.terminate()
    wait_for(lambda: not is_alive(process.pid))


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_f03_a_call_that_waits_while_its_web_process_leaves_may_be_sent_again(
    house: House, tmp_path: Path
) -> None:
    """It is answered 503, which clients repeat, not cut off; under the same key it is one job."""
    house.worker().suspend()
    headers = {"Authorization": f"Bearer {issue_key('grace@lab.example', '100')}"}
    headers |= {"Idempotency-Key": "the-same"}
    answered: list[httpx.Response] = []

    def ask(address: str) -> None:
        answered.append(
            httpx.post(f"{address}/v1/classify", json=body(house), headers=headers, timeout=60)
        )

    with one_more_web(house, tmp_path) as (address, second):
        thread = threading.Thread(target=ask, args=(address,))
        thread.start()
        wait_for(lambda: Job.objects.queued().exists())
        second.terminate()
        thread.join()
        second.wait()
    house.worker().resume()
    ask(house.site.address)

    first, again = answered
    assert (first.status_code, again.status_code) == (503, 200)
    assert first.headers["retry-after"]
    assert "x-should-retry" not in first.headers or first.headers["x-should-retry"] == "true"
    house.accepted += Job.objects.values_list("pk", flat=True)
    house.check()
    assert Job.objects.filter(state=State.SUCCEEDED).count() == 1


def test_f09_a_web_process_killed_before_it_answered_is_asked_again(house: House) -> None:
    """After the commit, before the answer: the worst moment. One job, one charge."""
    record = Record()
    client = house.client(record)
    with house.fault("submitted", "kill any once") as order:
        thread = threading.Thread(target=client.send, args=(2,))
        thread.start()
        wait_for(lambda: not order.exists())
        killed_s = time.monotonic()
        wait_for(lambda: answers(house.site.address))
        thread.join()
        house.report(f"answered {time.monotonic() - killed_s:.1f} s after the kill")
    house.settles()

    house.check(record)
    [job] = Job.objects.all()
    assert (job.pk, job.state) == (next(iter(record.accepted)), State.SUCCEEDED)
    assert record.statuses["202"] == 1


def test_f09_web_processes_killed_at_random(house: House) -> None:
    record = Record()
    clients = [house.client(record) for _ in range(4)]
    threads = send_all(clients, KILLED_JOBS, record=record, until=lambda: False)
    for kill in range(KILLS):
        wait_for(lambda: len(record.accepted) >= (kill + 1) * KILLED_JOBS // 6)  # noqa: B023
        web = house.site.child("config.server")
        web.send_signal(signal.SIGKILL)
        web.wait()
        wait_for(lambda: answers(house.site.address))
    for thread in threads:
        thread.join()
    house.settles()

    house.check(record)
    assert len(record.accepted) == KILLED_JOBS
    house.report(f"{KILLED_JOBS} jobs by {dict(record.statuses)}")
