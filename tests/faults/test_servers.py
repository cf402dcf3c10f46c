"""F04, F07, F08: the broker killed, the database restarted, the database frozen."""

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import Settings

from bench.faults.breakages import patiently
from bench.relay import Relay, relayed
from inference.models import Job, State
from tests.faults.conftest import storages_in, survive_crashes
from tests.faults.house import House, engine, only_long
from tests.support import site as sites
from tests.support.site import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]


def own_engine(home: str) -> psutil.Process:
    found = engine(home)
    if found is None:
        pytest.skip(f"{home} is not this test run's own")
    return found


def succeed_all(house: House) -> None:
    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}


def test_f04_a_broker_that_loses_everything_loses_no_job(house: House) -> None:
    valkey = own_engine("valkey")
    worker, web = house.worker().pid, house.site.child("config.server").pid
    for _ in range(10):
        house.submit()
    away_s = 20 if house.is_long else 0
    end_s = time.monotonic() + away_s
    while True:
        valkey.kill()
        valkey.wait()
        shutil.rmtree(Path(settings.DATA_DIR) / "valkey" / "appendonlydir", ignore_errors=True)
        for _ in range(3):
            house.submit()
        if time.monotonic() > end_s:
            break
        wait_for(lambda: engine("valkey") is not None)
        valkey = own_engine("valkey")
    began_s = time.monotonic()
    house.settles()

    succeed_all(house)
    wait_for(lambda: engine("valkey") is not None)
    assert (house.worker().pid, house.site.child("config.server").pid) == (worker, web)
    house.report(f"all {len(house.accepted)} jobs done {time.monotonic() - began_s:.1f} s after")


def test_f04_a_worker_whose_broker_dies_in_mid_batch_takes_messages_again(house: House) -> None:
    """While it computes it hears nothing of its connection; then it has to say that it is done."""
    worker = house.worker()
    with house.fault("forward", "slow any"):
        busy = house.submit()
        wait_for(lambda: Job.objects.running().exists())
        worker.suspend()
    with killed_again_and_again("valkey"):
        worker.resume()
        wait_for(lambda: Job.objects.filter(pk=busy.pk, state=State.SUCCEEDED).exists())
        time.sleep(2)
    wait_for(lambda: engine("valkey") is not None)
    for _ in range(3):
        house.submit()

    house.settles(seconds=60)

    succeed_all(house)
    assert house.worker().pid == worker.pid


@contextmanager
def killed_again_and_again(home: str) -> Iterator[None]:
    """An engine is away for as long as the block lasts, though its supervisor starts it again."""
    stopped = threading.Event()

    def kill() -> None:
        while not stopped.is_set():
            with suppress(psutil.NoSuchProcess):
                if found := engine(home):
                    found.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def test_a_text_cache_that_hangs_and_then_dies_costs_no_job(house: House) -> None:
    texts = own_engine("text-cache")
    house.submit()
    house.settles()

    texts.suspend()
    try:
        for _ in range(4):
            house.submit()
        house.settles()
    finally:
        texts.resume()
    texts.kill()
    texts.wait()
    for _ in range(4):
        house.submit()
    house.settles()

    succeed_all(house)
    wait_for(lambda: engine("text-cache") is not None)


def test_f07_a_restart_of_the_database_in_the_middle(house: House) -> None:
    postgres = own_engine("postgres")
    survive_crashes()
    connection.close()
    restarted_s: list[float] = []
    for _ in range(3 if house.is_long else 1):
        with house.fault("forward", "slow any"):
            for _ in range(10 if house.is_long else 4):
                house.submit()
            wait_for(lambda: Job.objects.running().exists())
            postgres.send_signal(signal.SIGQUIT)  # what `pg_ctl -m immediate` sends
            began_s = time.monotonic()
            answer = httpx.get(f"{house.site.address}/playground/", timeout=30)
            assert answer.status_code in (200, 503)
            house.submit()
        wait_for(lambda: patiently(lambda: bool(Job.objects.count())))
        wait_for(lambda: httpx.get(f"{house.site.address}/playground/").status_code == 200)
        restarted_s.append(time.monotonic() - began_s)
        if not house.is_long:
            house.lost_leases_end()
        house.settles()
        postgres = own_engine("postgres")

    succeed_all(house)
    house.report(
        f"pages back after {max(restarted_s):.1f} s, jobs {time.monotonic() - began_s:.1f} s"
    )


def test_f08_a_frozen_database_holds_no_request_for_ever(house: House) -> None:
    postgres = own_engine("postgres")
    everything = [postgres, *postgres.children(recursive=True)]
    for _ in range(4):
        house.submit()
    for process in everything:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        began_s = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: ask(house), range(20 if house.is_long else 3)))
        asked_s = time.monotonic() - began_s
        if house.is_long:
            time.sleep(max(0, 20 - asked_s))
    finally:
        for process in everything:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    thawed_s = time.monotonic()
    assert {status for status, _ in answers} == {503}
    assert max(waited_s for _, waited_s in answers) < 30
    wait_for(lambda: httpx.get(f"{house.site.address}/playground/", timeout=30).status_code == 200)
    healed_s = time.monotonic() - thawed_s
    house.settles()

    succeed_all(house)
    waits = sorted(waited_s for _, waited_s in answers)
    house.report(
        f"{len(waits)} requests answered 503 after {waits[0]:.1f} to {waits[-1]:.1f} s; "
        f"pages back {healed_s:.1f} s after the thaw"
    )


@pytest.fixture
def network(house: House) -> Iterator[Relay]:
    """The way to the database, over TCP."""
    given = connection.settings_dict
    folder = given["HOST"] or given["OPTIONS"]["host"]
    with relayed(Path(folder) / f".s.PGSQL.{given['PORT'] or 5432}") as relay:
        yield relay


@only_long("a site with a database behind TCP has to start")
def test_f08_a_database_behind_a_network_that_is_cut(
    house: House, network: Relay, tmp_path: Path, settings: Settings
) -> None:
    url = urlsplit(sites.database_url())
    over_tcp = f"postgresql://postgres@127.0.0.1:{network.port}{url.path}"
    data_dir = tmp_path / "site"
    (data_dir / "faults").mkdir(parents=True)
    given = psutil.Process(house.site.process.pid).environ()
    models = {name: given[name] for name in ("MODELS", "MODEL_DIR") if name in given}
    house.site.hush()
    try:
        with sites.running(data_dir, **models, DATABASE_URL=over_tcp) as site:
            settings.STORAGES = storages_in(data_dir)
            other = replace(house, site=site)
            other.wait_for_worker()
            network.freeze()
            answers = [ask(other) for _ in range(3)]
            network.thaw()
            wait_for(lambda: ask(other)[0] == 200)
            other.submit()
            other.settles()
    finally:
        house.site.wake()

    assert {status for status, _ in answers} == {503}
    assert max(waited_s for _, waited_s in answers) < 30
    succeed_all(house)
    house.report(f"503 after {max(waited_s for _, waited_s in answers):.1f} s at most")


def ask(house: House) -> tuple[int, float]:
    began_s = time.monotonic()
    answer = httpx.get(f"{house.site.address}/playground/", timeout=60)
    return answer.status_code, time.monotonic() - began_s
