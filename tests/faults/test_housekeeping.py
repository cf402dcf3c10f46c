"""Beat, house and fetch killed: each is back by itself, and meanwhile nothing is lost or late."""

import time

import httpx
import psutil
import pytest
from django.conf import settings
from django.db.models.functions import Now
from redis import Redis

from bench.abuse.stage import issue_key
from catalog.infrastructure import broker
from catalog.models import PeriodicTask
from inference.models import Job, State
from tests.faults.house import (
    BEAT,
    FETCH,
    HOUSE,
    House,
    database_now,
    done_after,
    engine,
    only_long,
)
from tests.support.site import is_alive, wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]


def killed(house: House, words: tuple[str, ...]) -> psutil.Process:
    process = house.site.child(*words)
    process.kill()
    process.wait()
    return process


def test_a_beat_that_is_killed_is_back_and_leases_are_given_back(house: House) -> None:
    killed(house, BEAT)
    died_at, began_s = database_now(), time.monotonic()
    worker = house.worker()
    worker.suspend()
    house.submit()
    Job.objects.queued().update(
        state=State.RUNNING, attempt=1, lease_token="0" * 32, lease_until=Now(), worker="gone-1"
    )
    worker.resume()

    wait_for(lambda: done_after("sweep", died_at))
    healed_s = time.monotonic() - began_s
    house.settles()

    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    house.report(f"swept again {healed_s:.1f} s after")


@only_long("another beat has to start")
def test_a_beat_of_two_may_stay_away(house: House) -> None:
    """Nothing says that only one may run: the database says what is due."""
    house.site.child(*BEAT).suspend()
    try:
        with house.one_more_beat() as beat:
            moment = database_now()
            wait_for(lambda: done_after("sweep", moment))
            assert is_alive(beat.pid)
    finally:
        house.site.child(*BEAT).resume()


def test_a_house_worker_that_is_killed_is_back(house: House) -> None:
    killed(house, HOUSE)
    moment = database_now()
    PeriodicTask.objects.filter(name="launches").delete()  # due now

    # Neither the sweep nor mail is its work.
    wait_for(lambda: done_after("sweep", moment) and done_after("mail", moment))
    wait_for(lambda: done_after("launches", moment))


def test_a_fetch_worker_that_is_killed_is_no_fault_of_the_caller_s_url(house: House) -> None:
    key = issue_key("grace@lab.example", "100")
    fetch = house.site.child(*FETCH)
    fetch.suspend()
    try:
        image = {"image": "https://images.invalid/cat.jpg"}
        body = {"model": house.card.repo, "input": [image], "labels": ["a cat", "a dog"]}
        answer = httpx.post(
            f"{house.site.address}/v1/classify",
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        )
    finally:
        fetch.resume()
    assert (answer.status_code, answer.headers["retry-after"] != "") == (503, True)

    killed(house, FETCH)
    moment = database_now()
    PeriodicTask.objects.filter(name="fetched").delete()
    wait_for(lambda: done_after("fetched", moment))


def test_a_full_broker_ends_neither_beat_nor_any_worker_and_stops_no_sweep(house: House) -> None:
    if engine("valkey") is None:
        pytest.skip("the broker is not this test run's own")
    processes = [house.worker(), *(house.site.child(*words) for words in (BEAT, HOUSE, FETCH))]
    lines = len(house.site.printed().splitlines())
    with Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.config_set("maxmemory", "1mb")
        try:
            moment = database_now()
            house.submit()
            wait_for(lambda: done_after("sweep", moment))
            broker.send("catalog.tasks.send_mail", queue="mail")
            time.sleep(20 if house.is_long else 6)
            moment = database_now()
            wait_for(lambda: done_after("sweep", moment))
        finally:
            valkey.config_set("maxmemory", "0")
    house.settles()

    house.check()
    assert all(is_alive(process.pid) for process in processes)
    printed = house.site.printed().splitlines()[lines:]
    assert not [line for line in printed if "beat " in line and "Traceback" in line]
