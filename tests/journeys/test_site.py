"""The site as a newcomer runs it: real web, worker and beat processes under the supervisor."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from accounts.models import User
from inference.models import Attempt, Delivery, Event, FailureReason, Job, State, Worker
from inference.webhooks import endpoints
from tests.conftest import SAMPLES
from tests.support import site as sites
from tests.support.rows import result_of
from tests.support.site import Site, Visitor, is_alive, wait_for

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    with httpx.Client(base_url=site.address, follow_redirects=True, timeout=30) as http:
        yield Visitor(http)


def test_a_photo_is_classified_by_a_process_that_is_not_the_web(
    site: Site, visitor: Visitor
) -> None:
    answer = visitor.send((SAMPLES / "cat.jpg").read_bytes(), labels="a cat\na dog\na car")
    found = re.search(r"/jobs/([0-9a-f-]{36})/", str(answer.url))
    assert found, answer.url
    job_id = found.group(1)
    wait_for(lambda: Job.objects.get(pk=job_id).is_final)

    job = Job.objects.get(pk=job_id)
    assert result_of(job)["rows"][0]["predictions"][0]["label"] == "a cat"
    assert "a cat" in visitor.page(f"/jobs/{job_id}/")
    worker_lines = site.lines_with(f"job={job_id}")
    assert any("worker" in line and "job succeeded" in line for line in worker_lines)
    assert Worker.objects.get(name=job.worker).pid != site.child("config.server").pid


def test_a_killed_worker_loses_no_job_and_repeats_none(site: Site, visitor: Visitor) -> None:
    photo = (SAMPLES / "coffee.jpg").read_bytes()
    worker = site.child("celery", "clip.gigarouter.conse-demo")
    worker.suspend()
    for index in range(20):
        answer = visitor.send(photo, labels=f"a cup of coffee, a cat, thing {index}")
        assert answer.status_code == 200

    worker.kill()
    wait_for(lambda: Job.objects.final().count() == 20)

    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert "worker stopped" in site.printed()
    for job in Job.objects.all():
        assert len(site.lines_with("job succeeded", f"job={job.pk}")) == 1


def test_a_worker_killed_in_its_work_has_its_jobs_run_again(site: Site, visitor: Visitor) -> None:
    photo = (SAMPLES / "rocket.jpg").read_bytes()
    worker = site.child("celery", "clip.gigarouter.conse-demo")

    for index in range(20):
        visitor.send(photo, labels=f"a rocket, a cat, thing {index}")
    worker.kill()  # somewhere between the first claim and the last result
    wait_for(lambda: Job.objects.final().count() == 20)

    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    for job in Job.objects.all():
        assert len(site.lines_with("job succeeded", f"job={job.pk}")) == 1


def test_ready_names_the_real_worker(site: Site) -> None:
    report = httpx.get(f"{site.address}/readyz").json()

    assert report["ready"]
    assert report["models"] == ["gigarouter/conse-demo", "gigarouter/conse-demo-small"]


def test_a_body_over_the_limit_is_refused_by_the_server(site: Site) -> None:
    answer = httpx.post(f"{site.address}/playground/", content=b"x" * 13_000_000)

    assert answer.status_code == 413


def test_the_sweep_serves_webhooks_that_nobody_rang_for(site: Site) -> None:
    ada = User.objects.create_user("ada@lab.example")
    nowhere, _ = endpoints.add(ada, url="https://hooks.invalid/", events=Event.values)

    Delivery.objects.create(webhook=nowhere, job_id=uuid.uuid4(), event=Event.FAILED, body="{}")

    # Nobody rang: the sweep of the queue `webhooks` finds it, and can connect to nobody.
    wait_for(Attempt.objects.exists, seconds=40)
    assert Attempt.objects.get().failure == FailureReason.CONNECTION


def test_every_child_is_stopped_by_ctrl_c(
    django_db_setup: None, transactional_db: None, tmp_path: Path
) -> None:
    with sites.running(tmp_path) as running:
        children = running.processes()
        assert len(children) >= 3

    assert running.process.returncode == 0
    assert not [child for child in children if is_alive(child.pid)]
