"""F05, F06: RabbitMQ as the broker, killed and full; where the program is installed."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from django.conf import settings
from pytest_django import Settings

from bench.abuse.stage import issue_key
from bench.faults import transitions
from catalog.models import PeriodicTask
from inference.models import Job, State
from tests.faults.conftest import UNLIMITED, a_payer, storages_in, the_only_card
from tests.faults.house import IS_LONG, House, call, only_long
from tests.support import site as sites
from tests.support.site import Site, free_port, wait_for

# Debian's wrappers in /usr/sbin become another user, who may not see the test's folder.
PROGRAMS = f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}"
SERVER = shutil.which("rabbitmq-server", path=PROGRAMS)
CONTROL = shutil.which("rabbitmqctl", path=PROGRAMS)

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
    only_long("a site with another broker has to start"),
    pytest.mark.skipif(not SERVER, reason="there is no `rabbitmq-server` program"),
]


class RabbitMQ:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._environ = os.environ | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"faults{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "db"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        }

    def start(self) -> None:
        assert SERVER
        log = self.folder / "out.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [SERVER], env=self._environ, stdout=output, stderr=output, start_new_session=True
            )
        wait_for(lambda: b"completed with" in log.read_bytes())

    def control(self, *command: str) -> str:
        assert CONTROL
        done = subprocess.run(
            [CONTROL, *command], env=self._environ, check=True, capture_output=True, text=True
        )
        return done.stdout

    def kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    server = RabbitMQ(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RabbitMQ]:
    with rabbitmq(tmp_path) as started:
        yield started


@pytest.fixture
def rabbit_house(
    broken_site: Site,
    transactional_db: None,
    tmp_path: Path,
    settings: Settings,
    server: RabbitMQ,
    report: Callable[[str], None],
) -> Iterator[House]:
    """A site whose messages go through RabbitMQ."""
    data_dir = tmp_path / "site"
    (data_dir / "faults").mkdir(parents=True)
    settings.STORAGES = storages_in(data_dir)
    broken_site.hush()  # the package's own site would do the work
    try:
        url = f"amqp://guest:guest@127.0.0.1:{server.port}//"
        given = psutil.Process(broken_site.process.pid).environ()
        models = {name: given[name] for name in ("MODELS", "MODEL_DIR") if name in given}
        variables = UNLIMITED | models | {"CELERY_BROKER_URL": url}
        with sites.running(data_dir, **variables) as site, transitions.noted():
            card = the_only_card()
            house = House(site, card, a_payer("ada"), data_dir / "faults", IS_LONG, report)
            house.wait_for_worker()
            yield house
    finally:
        broken_site.wake()


def test_f05_a_rabbitmq_that_is_killed_loses_no_job(rabbit_house: House, server: RabbitMQ) -> None:
    house, processes = rabbit_house, processes_of(rabbit_house)
    for _ in range(2):
        for _ in range(10):
            house.submit()
        server.kill()
        for _ in range(5):
            house.submit()
        time.sleep(3)
        server.start()
        house.settles()

    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert processes_of(house) == processes


def test_f06_a_rabbitmq_that_is_full_holds_up_no_call(
    rabbit_house: House, server: RabbitMQ
) -> None:
    """Below its limit of free disk it reads nothing more of whoever has sent something."""
    house, processes = rabbit_house, processes_of(rabbit_house)
    key = issue_key("grace@lab.example", "100")
    server.control("set_disk_free_limit", "mem_relative", "1000000")
    assert "disk" in server.control("eval", "rabbit_alarm:get_alarms().")
    began_s = time.monotonic()
    statuses = Counter(call(house, key).status_code for _ in range(10))
    took_s, waiting = time.monotonic() - began_s, Job.objects.queued().count()
    page = httpx.get(f"{house.site.address}/models/", timeout=60)
    server.control("set_disk_free_limit", "50MB")
    house.settles()
    assert call(house, key).status_code == 202
    house.settles()

    assert set(statuses) <= {202, 503}
    assert page.status_code == 200
    house.accepted[:] = Job.objects.values_list("pk", flat=True)
    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert processes_of(house) == processes
    house.report(f"{dict(statuses)} in {took_s:.1f} s, {waiting} jobs not begun")


def test_its_queues_are_quorum_queues_and_housekeeping_reaches_all_of_them(
    rabbit_house: House, server: RabbitMQ
) -> None:
    house = rabbit_house
    for _ in range(5):
        house.submit()
    house.settles()

    house.check()
    rows = server.control("list_queues", "--quiet", "name", "type").splitlines()
    types = dict(row.split() for row in rows if "\t" in row)
    ours = {"house", "mail", "fetch", "webhooks", house.card.queue}
    assert {types.get(name) for name in ours} == {"quorum"}
    sent = [name for name, entry in settings.CELERY_BEAT_SCHEDULE.items() if "options" in entry]
    done = PeriodicTask.objects.filter(name__in=sent, last_done_at__isnull=False)
    wait_for(lambda: done.count() == len(set(sent) - {"hub"}))


def processes_of(house: House) -> tuple[int, ...]:
    others = [("config.server",), ("config beat",), ("house@",), ("fetch@",)]
    return house.worker().pid, *(house.site.child(*words).pid for words in others)
