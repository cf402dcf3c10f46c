"""The site under fault: who pays, what is asked of it, and how its processes are broken."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from accounts.models import User
from bench.abuse.pictures import data_url
from bench.abuse.stage import issue_key
from bench.faults import invariants
from bench.faults.breakages import AWAY, patiently
from bench.faults.load import Client, Record, small_photo
from catalog.models import ModelCard, periodic
from inference import images, jobs
from inference.jobs import sweep
from inference.kinds.classify import request as classify
from inference.models import OPEN, Job, Worker
from inference.worker import claimed, loop
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests import engines
from tests.conftest import photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.support.site import Site, is_alive, wait_for

IS_LONG = os.environ.get("FAULTS") == "long"


def only_long(reason: str) -> pytest.MarkDecorator:
    """Asked before the site is set up, which takes seconds."""
    return pytest.mark.skipif(not IS_LONG, reason=f"{reason}: `make faults`")


# As a worker, but without Celery and torch, which take seconds to start; it may crash.
DRAIN = """
import sys, django
django.setup()
from catalog.models import ModelCard
from inference.worker import loop, process
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.fakes.encoder import HashEncoder
card = ModelCard.objects.get(repo=sys.argv[1])
loop.drain(ServedModel(card, TextCache(HashEncoder())), worker=process.name())
"""
# What is in the command lines of the site's processes.
BEAT = ("celery", " beat")
HOUSE = ("celery", "house@")
FETCH = ("celery", "fetch@")
LABELS = ("a cat", "a dog", "a rocket")


@dataclass
class House:
    """A running site whose jobs are paid for. `is_long`: the campaign, with nothing hurried."""

    site: Site
    card: ModelCard
    payer: User
    faults: Path
    is_long: bool
    report: Callable[[str], None]
    accepted: list[uuid.UUID] = field(default_factory=list)
    _shade: int = 0
    _clients: list[Client] = field(default_factory=list)

    # --- asking -----------------------------------------------------------------------------------

    def submit(self, picture: bytes | None = None, *, payer: User | None = None) -> Job:
        """A paid job; whoever is refused asks again with the same key, as clients do."""
        payer = payer or self.payer
        request = classify.job_request(
            self.card,
            [images.check(picture or self.photo())],
            labels=LABELS,
            template="a photo of {}",
        )
        idempotency_key = uuid.uuid4().hex
        end_s = time.monotonic() + 60
        while True:
            try:
                job = jobs.submit(
                    request,
                    requester=jobs.Requester(payer.pk, None),
                    idempotency_key=idempotency_key,
                    payer=payer,
                )
                break
            except AWAY:
                assert time.monotonic() < end_s, "refused for a minute"
                with suppress(*AWAY):
                    connection.close()
                time.sleep(0.2)
        self.accepted.append(job.pk)
        return job

    def photo(self) -> bytes:
        """Another picture each time."""
        self._shade += 1
        return photo_bytes(64 + self._shade % 64, 48 + self._shade // 64 % 64)

    def client(self, record: Record) -> Client:
        """Somebody else who pays, with a key, through HTTP."""
        key = issue_key(f"{uuid.uuid4().hex[:8]}@lab.example", "100")
        seed = len(record.accepted) + 1
        client = Client(self.site.address, key, self.card.repo, record, seed=seed)
        self._clients.append(client)
        return client

    def close_clients(self) -> None:
        for client in self._clients:
            client.close()

    # --- breaking ---------------------------------------------------------------------------------

    @contextmanager
    def fault(self, point: str, order: str) -> Iterator[Path]:
        """Give the site's processes an order (inference.faults) for a while."""
        file = self.faults / point
        new = file.with_suffix(".new")
        new.write_text(order)
        new.rename(file)
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)

    def worker(self) -> psutil.Process:
        """The site's own worker, once the supervisor has started it again."""
        found: list[psutil.Process] = []

        def is_there() -> bool:
            with suppress(ValueError, psutil.NoSuchProcess):
                found[:] = [self.site.child("celery", self.card.queue)]
            return bool(found) and is_alive(found[0].pid)

        wait_for(is_there)
        return found[0]

    def wait_for_worker(self) -> None:
        """Until a worker that lives has loaded the model."""

        def serves() -> bool:
            pid = self.worker().pid
            alive = Worker.objects.alive().filter(pid=pid).values_list("repos", flat=True)
            return any(self.card.repo in repos for repos in alive)

        wait_for(lambda: patiently(serves))

    def environ(self) -> dict[str, str]:
        """What the site's processes know of where things are."""
        found: dict[str, str] = psutil.Process(self.site.process.pid).environ()
        return found | {"DJANGO_SETTINGS_MODULE": "config.settings"}

    def brief_worker(self) -> int:
        """A process that empties the queue once; its exit status."""
        command = [sys.executable, "-c", DRAIN, self.card.repo]
        done = subprocess.run(
            command, env=self.environ(), cwd=settings.BASE_DIR, check=False, capture_output=True
        )
        return done.returncode

    @contextmanager
    def one_more_worker(self) -> Iterator[psutil.Process]:
        """A second process that serves the model, without a supervisor."""
        started = psutil.Popen(
            [sys.executable, "manage.py", "run_worker"],
            env=self.environ(),
            cwd=settings.BASE_DIR,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_for(lambda: Worker.objects.alive().filter(pid=started.pid).exists())
            yield started
        finally:
            with suppress(psutil.NoSuchProcess):
                started.kill()
            started.wait()

    @contextmanager
    def one_more_beat(self) -> Iterator[psutil.Process]:
        """A second beat, without a supervisor."""
        started = psutil.Popen(
            [sys.executable, "-m", "celery", "-A", "config", "beat"],
            env=self.environ() | {"CELERY_SKIP_CHECKS": "1"},  # as make run's; they take long
            cwd=settings.BASE_DIR,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield started
        finally:
            with suppress(psutil.NoSuchProcess):
                started.kill()
            started.wait()

    # --- healing ----------------------------------------------------------------------------------

    def leases_end(self) -> None:
        """Wait for the sweep to take a frozen worker's jobs; in the short form, do not wait."""
        if self.is_long:
            wait_for(lambda: Job.objects.queued().exists())
            return
        Job.objects.running().update(lease_until=Now() - timedelta(seconds=1))
        sweep.sweep()

    def lost_leases_end(self) -> None:
        """In the short form: the leases of workers that are gone are over now."""
        if self.is_long:
            return
        alive = [self.worker().pid, os.getpid()]
        gone = Job.objects.running()
        for pid in alive:
            gone = gone.exclude(worker__endswith=f"-{pid}")
        gone.update(lease_until=Now() - timedelta(seconds=1))
        sweep.sweep()

    def is_helped(self) -> None:
        """In the short form: nobody waits until a killed worker's leases end and it is back."""
        if not self.is_long:
            self.lost_leases_end()
            self.second_worker()

    def second_worker(self, steps: claimed.Steps | None = None) -> None:
        """Another worker of the same model, in this process: empties the queue once."""
        name = f"second-{os.getpid()}"
        loop.drain(ServedModel(self.card, TextCache(HashEncoder())), worker=name, steps=steps)

    def settles(self, *, seconds: float = 150) -> float:
        """Wait until every job has ended; how long that took."""
        began_s = time.monotonic()
        wait_for(lambda: patiently(all_ended), seconds=seconds)
        return time.monotonic() - began_s

    def settles_for(self, payer: User) -> None:
        mine = Job.objects.filter(owner=payer, state__in=OPEN)
        wait_for(lambda: not mine.exists())

    def settles_within(self, seconds: float) -> bool:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            if patiently(all_ended):
                return True
            time.sleep(0.1)
        return False

    def check(self, record: Record | None = None) -> None:
        """`record`: what clients were told, beside the jobs that were submitted here."""
        record = record or Record()
        assert record.broken == []
        invariants.hold_for({*self.accepted, *record.accepted})


def all_ended() -> bool:
    return not Job.objects.filter(state__in=OPEN).exists()


def engine(home: str) -> psutil.Process | None:
    """This test run's postgres, valkey or text-cache, its first process; None: somebody else's.

    They stand in folders of these names.
    """
    holder = engines._engines
    if holder is None:
        return None
    for process in psutil.Process(holder.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            is_first = process.parent() == psutil.Process(holder.pid)
            if is_first and Path(process.cwd()).name == home:
                return process
    return None


def call(house: House, key: str) -> httpx.Response:
    image = {"image": data_url(small_photo(60), "jpeg")}
    body = {"model": house.card.repo, "input": [image], "labels": ["a cat", "a dog"]}
    headers = {"Authorization": f"Bearer {key}", "Prefer": "respond-async"}
    address = f"{house.site.address}/v1/classify"
    return httpx.post(address, json=body, headers=headers, timeout=60)


def done_after(name: str, moment: datetime) -> bool:
    last = periodic.last_done_at(name)
    return last is not None and last > moment


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        [now] = cursor.fetchone()
    assert isinstance(now, datetime)
    return now
