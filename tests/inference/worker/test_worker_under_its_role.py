"""A real worker that has nothing but its own database role, and a SECRET_KEY of its own."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.conf import settings as django_settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts import credits
from accounts.credits import ledger
from accounts.models import User
from bench.abuse.stage import issue_key
from catalog.infrastructure.storage_probe import MARKER, Marker
from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import queue, submission, sweep
from inference.kinds.classify import request as classify
from inference.kinds.embed import request as embed
from inference.kinds.fields import truncation
from inference.kinds.rank import request as rank
from inference.models import (
    OPEN,
    Batch,
    BatchStatus,
    Delivery,
    ErrorCode,
    Event,
    Job,
    State,
    Worker,
)
from inference.webhooks import endpoints
from inference.worker import database_role
from tests.conftest import FROZEN, PRICED, make_card, photo_bytes
from tests.inference.worker import database_roles
from tests.support.site import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
]
REPO = "gigarouter/conse-demo"


@dataclass
class Bench:
    """Somebody who pays, a visitor, and a worker on another machine, which knows one password."""

    card: ModelCard
    ada: User
    data_dir: Path
    worker: psutil.Popen = field(init=False)

    # --- asking -----------------------------------------------------------------------------------

    def classify(self, picture: bytes = b"", *, is_paid: bool = True) -> Job:
        request = classify.job_request(
            self.card,
            [images.check(picture or photo_bytes())],
            labels=["a cat", "a dog"],
            template="a photo of {}",
            keeps_preview=True,
        )
        return self.submit(request, is_paid=is_paid)

    def embed_uncut(self, text: str) -> Job:
        request = embed.job_request(self.card, [text])
        return self.submit(replace(request, payload=truncation.payload_of(truncate=False)))

    def rank(self) -> Job:
        return self.submit(rank.job_request(self.card, "a cat", ["a dog", "a kitten"]))

    def submit(self, request: jobs.Request, *, is_paid: bool = True) -> Job:
        if not is_paid:
            return jobs.submit(request, requester=jobs.Requester(None, uuid.uuid4()))
        requester = jobs.Requester(self.ada.pk, None, self.ada.api_keys.get())
        return jobs.submit(request, requester=requester, payer=self.ada)

    def add_line(self) -> Job:
        """Of a batch: the part that it is in holds its credit."""
        batch = Batch.objects.create(
            owner=self.ada,
            endpoint="/v1/embeddings",
            input_file_id=uuid.uuid4(),
            input_name="lines.jsonl",
            status=BatchStatus.IN_PROGRESS,
            expires_at=timezone.now() + timedelta(hours=24),
            output_kept_for=timedelta(days=7),
        )
        line = submission.new_job(
            uuid.uuid4(),
            embed.job_request(self.card, ["a line"]),
            requester=jobs.Requester(self.ada.pk, None),
            price=self.card.price,
        )
        line.inputs = [{"text": "a line"}]
        line.batch = batch
        assert queue.insert(line, deadline=batch.expires_at)
        return line

    # --- the worker -------------------------------------------------------------------------------

    @property
    def log(self) -> str:
        return (self.data_dir / "worker.log").read_text(errors="replace")

    def is_there(self) -> bool:
        assert self.worker.poll() is None, self.log
        return Worker.objects.alive().filter(pid=self.worker.pid).exclude(repos=[]).exists()

    @contextmanager
    def slowly(self) -> Iterator[None]:
        """Each batch takes some seconds (inference.faults)."""
        order = self.data_dir / "faults" / "forward"
        order.write_text("slow any")
        try:
            yield
        finally:
            order.unlink()

    def settles(self) -> None:
        """Wait until all jobs have ended; meanwhile the site's sweep does its work, as by beat.

        A worker that is halted before would keep what it has locked.
        """

        def is_over() -> bool:
            sweep.sweep()
            return not Job.objects.filter(state__in=OPEN).exists()

        self.wait_for(is_over)

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Fails at once if the worker has ended, or was refused something."""

        def holds_now() -> bool:
            assert self.worker.poll() is None, self.log
            assert "permission denied" not in self.log, self.log
            return holds()

        wait_for(holds_now, seconds=60)


@pytest.fixture
def bench(tmp_path: Path, settings: Settings) -> Iterator[Bench]:
    settings.STORAGES = django_settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "media", "base_url": None},
        }
    }
    Marker().leave()
    (tmp_path / "faults").mkdir()
    issue_key("ada@lab.example", "1")
    ada = User.objects.get(email="ada@lab.example")
    endpoints.add(ada, url="https://ada.example/hook", events=Event.values)
    card = make_card(REPO, loader="conse", revision="1", **FROZEN, **PRICED)
    with database_roles.made(f"worker_{os.getpid()}") as role:
        database_role.grant(role)
        bench = Bench(card, ada, tmp_path)
        with running(bench, role):
            yield bench


@contextmanager
def running(bench: Bench, role: str) -> Iterator[None]:
    environ = os.environ | {
        "DATABASE_URL": database_roles.url_of(role),
        "REDIS_URL": django_settings.REDIS_URL,
        "TEXT_CACHE_URL": django_settings.TEXT_CACHE_URL,
        "CELERY_BROKER_URL": django_settings.CELERY_BROKER_URL,
        "DATA_DIR": str(bench.data_dir),
        "SECRET_KEY": "of-workers-alone-" + "y" * 40,
        "DEBUG": "1",
        "GR_FAULTS": str(bench.data_dir / "faults"),
        "WORKER_THREADS": "1",
        "DECODERS": "1",
    }
    with (bench.data_dir / "worker.log").open("wb") as log:
        bench.worker = psutil.Popen(
            [sys.executable, "manage.py", "run_worker", "--models", REPO],
            cwd=django_settings.BASE_DIR,
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        bench.wait_for(bench.is_there)
        yield
    finally:
        if bench.worker.poll() is None:
            bench.worker.kill()
        bench.worker.wait()


def states(*these: Job) -> list[str]:
    found = dict(Job.objects.values_list("pk", "state"))
    return [found[job.pk] for job in these]


def refusals_of(job: Job) -> tuple[str, str]:
    job.refresh_from_db()
    return job.state, job.error_code


def test_it_serves_and_settles_jobs_of_every_kind_and_end(bench: Bench) -> None:
    first = bench.classify()
    bench.settles()
    same_texts = bench.classify()
    visitors = bench.classify(is_paid=False)
    ranked, line = bench.rank(), bench.add_line()
    damaged = bench.classify(photo_bytes()[:-200])
    too_long = bench.embed_uncut("word " * 400)
    canceled = cancel_in_the_middle(bench)
    lost = lose_the_lease(bench)
    unread = miss_the_images(bench)
    good = (first, same_texts, visitors, ranked, line, lost, unread)
    bench.settles()

    assert set(states(*good)) == {State.SUCCEEDED}
    assert refusals_of(damaged) == (State.FAILED, ErrorCode.INVALID_IMAGE)
    assert refusals_of(too_long) == (State.FAILED, ErrorCode.CONTEXT_LENGTH_EXCEEDED)
    assert states(canceled) == [State.CANCELLED]
    costs = dict(Job.objects.values_list("pk", "cost_micro_usd"))
    assert (costs[first.pk], costs[same_texts.pk]) == (94 + 2 * 8, 94), "its texts were cached"
    visitors.refresh_from_db()
    assert visitors.preview_file
    leave(bench)
    by_key = Job.objects.filter(key__isnull=False, batch__isnull=True)
    assert Delivery.objects.count() == by_key.count()
    spent = sum(cost or 0 for cost in by_key.values_list("cost_micro_usd", flat=True))
    assert credits.balance_of(bench.ada).available == 1_000_000 - spent
    assert not ledger.check().differences
    assert "permission denied" not in bench.log, bench.log
    assert "Traceback" not in bench.log, bench.log


def cancel_in_the_middle(bench: Bench) -> Job:
    with bench.slowly():
        job = bench.classify()
        bench.wait_for(running_jobs(job).exists)
        assert jobs.cancel(job)
    return job


def lose_the_lease(bench: Bench) -> Job:
    """It seems dead for a while; another attempt is made, and its own comes too late."""
    bench.settles()
    with bench.slowly():
        job = bench.classify()
        bench.wait_for(running_jobs(job).exists)
        bench.worker.suspend()
        running_jobs(job).update(lease_until=Now() - timedelta(seconds=1))
        sweep.sweep()
        assert states(job) == [State.QUEUED]
        bench.worker.resume()
    return job


def miss_the_images(bench: Bench) -> Job:
    """As a disk that is not mounted for a moment."""
    bench.settles()
    media = bench.data_dir / "media"
    bench.worker.suspend()
    job = bench.classify()
    media.rename(media.with_name("aside"))
    bench.worker.resume()
    postponed = Job.objects.filter(pk=job.pk, unread_count__gt=0)
    bench.wait_for(postponed.exists)
    media.with_name("aside").rename(media)
    assert (media / MARKER).exists()
    running_jobs(job).update(lease_until=Now() - timedelta(seconds=1))
    return job


def running_jobs(job: Job) -> "QuerySet[Job]":
    return Job.objects.running().filter(pk=job.pk)


def leave(bench: Bench) -> None:
    """It was asked to: it withdraws, and says so in its row."""
    bench.worker.terminate()
    bench.worker.wait(timeout=60)
    assert not Worker.objects.exists()
