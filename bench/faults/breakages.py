"""How a running site is broken, by the names of docs/faults.md, and what says that it is back.

Each ends when what was broken is there again, so that the next finds something to break.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection

from catalog.infrastructure.outages import BROKER_OUTAGES, DATABASE_OUTAGES
from catalog.models import ModelCard
from devserver.guard import Guard
from inference.jobs import wake
from inference.models import Job, Worker

PATIENCE_S = 120.0
BROKER_AWAY_S = 5.0
DUPLICATES = 20
AWAY = (DatabaseError, *DATABASE_OUTAGES)


class NotBack(Exception):
    """What was broken did not come back within PATIENCE_S."""


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Looks again and again, also while the database is away. Raises NotBack."""
    end_s = time.monotonic() + PATIENCE_S
    while not patiently(holds):
        if time.monotonic() > end_s:
            raise NotBack(what)
        time.sleep(0.05)


def patiently(holds: Callable[[], bool]) -> bool:
    """False as well while the database is away."""
    try:
        return holds()
    except AWAY:
        with suppress(*AWAY):
            connection.close()
        return False


@dataclass
class SecondWorker:
    """One more worker beside the site's own, as on another machine: started again by `start`."""

    environ: Mapping[str, str]
    log: Path
    guard: Guard = field(default_factory=Guard)
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        if self._process and self._process.poll() is None:
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "run_worker"],
                cwd=settings.BASE_DIR,
                env=os.environ | dict(self.environ),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.guard.watch(self._process.pid, signal.SIGTERM)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE_S)
        self.guard.close()


@dataclass
class Breakages:
    """`engines`: the process whose children are PostgreSQL and Valkey, which it starts again."""

    card: ModelCard
    engines: psutil.Process
    engines_dir: Path
    second_worker: SecondWorker

    def f01_kill_a_worker_in_mid_batch(self) -> None:
        victim: list[int] = []

        def has_a_batch() -> bool:
            victim[:] = [pid for pid in self._workers() if _is_busy(pid)]
            return bool(victim)

        wait_for(has_a_batch, "a worker with a batch")
        _kill(victim[0])
        self._wait_for_workers(without={victim[0]})

    def f02_kill_all_workers(self) -> None:
        wait_for(lambda: any(map(_is_busy, self._workers())), "a worker with a batch")
        killed = set(self._workers())
        for pid in killed:
            _kill(pid)
        self._wait_for_workers(without=killed)

    def f04_kill_the_broker_and_its_data(self) -> None:
        """Again as soon as it is back, for BROKER_AWAY_S."""
        end_s = time.monotonic() + BROKER_AWAY_S
        while time.monotonic() < end_s:
            wait_for(lambda: self._engine("valkey") is not None, "the broker")
            if valkey := self._engine("valkey"):
                _kill(valkey.pid)
                valkey.wait()
            shutil.rmtree(self.engines_dir / "valkey" / "appendonlydir", ignore_errors=True)
        wait_for(lambda: self._engine("valkey") is not None, "the broker")

    def f07_restart_the_database(self) -> None:
        """As `pg_ctl restart -m immediate` does: no checkpoint, no good-bye."""
        postgres = self._engine("postgres")
        if postgres is None:
            raise NotBack("the database")
        postgres.send_signal(signal.SIGQUIT)
        wait_for(lambda: not _is_alive(postgres.pid), "the database's end")
        with suppress(*AWAY):
            connection.close()
        wait_for(lambda: ModelCard.objects.exists(), "the database")

    def f11_send_messages_twenty_times(self) -> None:
        for _ in range(DUPLICATES):
            with suppress(*BROKER_OUTAGES):
                current_app.send_task(
                    wake.RUN_BATCHES, args=[self.card.pk], queue=self.card.queue, retry=False
                )

    def _wait_for_workers(self, *, without: set[int]) -> None:
        """Until two that are none of these have loaded the model."""

        def are_back() -> bool:
            self.second_worker.start()
            return len(set(self._workers()) - without) >= 2

        wait_for(are_back, "two workers")

    def _workers(self) -> list[int]:
        alive = Worker.objects.alive().values_list("pid", "repos")
        return [pid for pid, repos in alive if self.card.repo in repos and _is_alive(pid)]

    def _engine(self, home: str) -> psutil.Process | None:
        for process in self.engines.children():
            with suppress(psutil.NoSuchProcess):
                if Path(process.cwd()).name == home and _is_alive(process.pid):
                    return process
        return None


def _is_busy(pid: int) -> bool:
    return Job.objects.running().filter(worker__endswith=f"-{pid}").exists()


def _is_alive(pid: int) -> bool:
    """A zombie has ended; only its parent has not looked yet."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
