"""The whole site as a newcomer starts it: `python -m devserver.run`, on the tests' own database."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import psutil
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from inference.models import Worker

PATIENCE_S = 150
BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


@dataclass
class Site:
    """A running site: its address, its processes and what they printed."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path
    _workers: list[Worker] = field(default_factory=list)

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def lines_with(self, *words: str) -> list[str]:
        """Fields come after a line's message, in any order: `lines_with("job failed", "job=7")`."""
        return [line for line in self.printed().splitlines() if all(word in line for word in words)]

    def child(self, *words: str) -> psutil.Process:
        """The one process whose command line holds all the words; not a fork of it, as beat is."""
        found = {
            process.pid: process
            for process in self.processes()
            if all(word in " ".join(_command(process)) for word in words)
        }
        [process] = [process for process in found.values() if _parent_of(process) not in found]
        return process

    def processes(self) -> list[psutil.Process]:
        children: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return children

    def wait_for_workers(self) -> None:
        """Until a worker has announced itself in the tables, which the last test has emptied.

        Workers do so only every few seconds. Those that did before and still run are written
        down again at once, as they would themselves.
        """
        now = timezone.now()
        for worker in self._workers:
            worker.seen_at = now
        still_there = [worker for worker in self._workers if is_alive(worker.pid)]
        Worker.objects.bulk_create(still_there, ignore_conflicts=True)
        loaded = Worker.objects.alive().exclude(repos=[])
        wait_for(loaded.exists)
        self._workers = list(loaded.all())

    def hush(self) -> None:
        """Halt it between two transactions: its sweeps would deadlock with emptying the tables."""

        def halted() -> bool:
            for process in self.processes():
                process.suspend()
            with connection.cursor() as cursor:
                cursor.execute(BUSY)
                is_idle = bool(cursor.fetchone() == (0,))
            if not is_idle:
                self.wake()
            return is_idle

        wait_for(halted)

    def wake(self) -> None:
        for process in self.processes():
            process.resume()


def _command(process: psutil.Process) -> list[str]:
    try:
        command: list[str] = process.cmdline()
    except psutil.NoSuchProcess:
        return []
    return command


def _parent_of(process: psutil.Process) -> int:
    try:
        parent: int = process.ppid()
    except psutil.NoSuchProcess:
        return 0
    return parent


def is_alive(pid: int) -> bool:
    """A zombie has ended; only its parent has not looked yet."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running(data_dir: Path, **variables: str) -> Iterator[Site]:
    """Start everything and wait until it says that it is ready; stop it with Ctrl-C after.

    `variables` of the environment go before those that every such site has.
    """
    port = free_port()
    log = data_dir / "site.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "devserver.run"],
            cwd=settings.BASE_DIR,
            env=os.environ | environment(data_dir, port) | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    site = Site(f"http://127.0.0.1:{port}", process, log)
    try:
        wait_for(lambda: "gigarouter is ready" in site.printed() or process.poll() is not None)
        assert process.poll() is None, site.printed()
        yield site
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE_S)
        # A site that was woken to end did what was due meanwhile, and wrote that down.
        call_command("flush", verbosity=0, interactive=False)


def environment(data_dir: Path, port: int) -> dict[str, str]:
    """The tests' database and broker, a data folder and a port of its own."""
    return {
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "TEXT_CACHE_URL": settings.TEXT_CACHE_URL,
        "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
        "DEBUG": "1",
        "HTTPS": "0",
        "EMAIL_URL": "",  # mail waits where a test can read it
        "MODELS": "gigarouter/conse-demo,gigarouter/conse-demo-small",
        "GR_FAULTS": str(data_dir / "faults"),
        "PYTHONUNBUFFERED": "1",
    }


def database_url() -> str:
    """The address of the test database that pytest-django made."""
    given = connection.settings_dict
    host = given["HOST"] or given["OPTIONS"].get("host", "")
    user = quote(given["USER"]) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    query = urlencode({"host": host} | ({"port": given["PORT"]} if given["PORT"] else {}))
    return f"postgresql://{user}@/{given['NAME']}?{query}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(holds: Callable[[], bool], *, seconds: float = PATIENCE_S) -> None:
    """Look again and again until something holds; fails when patience ends."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


@dataclass
class Visitor:
    """A browser without scripts: keeps cookies, finds the form's token, sends forms."""

    http: httpx.Client

    def send(self, picture: bytes | None = None, **fields: str) -> httpx.Response:
        """Fill in and send the playground's form."""
        form = self.http.get("/playground/").text
        hidden = dict(
            re.findall(r'name="(csrfmiddlewaretoken|idempotency_key)" value="([^"]+)"', form)
        )
        files = {"picture": ("photo.jpg", picture)} if picture else {"picture": ("", b"")}
        data = {"model": "gigarouter/conse-demo", "template": "a photo of {}"} | hidden | fields
        return self.http.post("/playground/", data=data, files=files)

    def page(self, address: str) -> str:
        return self.http.get(address).text
