"""What the sweep gives back, ends and rings again."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from catalog.infrastructure.retention import Budget
from catalog.models import ModelCard
from inference.jobs import claims, sweep, tidy, wake
from inference.models import ErrorCode, Job, State, Worker
from tests.conftest import answer_next, make_card
from tests.support.threads import at_once

Submit = Callable[..., Job]
AGO = timedelta(seconds=1)


def lose_lease(**changes: object) -> None:
    Job.objects.update(lease_until=Now() - AGO, **changes)


def test_a_lost_lease_goes_back_to_the_queue(submit: Submit, card: ModelCard) -> None:
    submit()
    claims.claim(card, worker="dead", budget=1)
    lose_lease()

    swept = sweep.sweep()

    assert (swept.given_back, swept.woken) == (1, 1)
    job = Job.objects.get()
    assert (job.state, job.attempt, job.worker) == (State.QUEUED, 1, "")


def test_a_held_lease_is_left_alone(submit: Submit, card: ModelCard) -> None:
    submit()
    claims.claim(card, worker="alive", budget=1)

    assert sweep.sweep() == sweep.Swept()


def test_the_third_lost_attempt_is_the_last(submit: Submit, card: ModelCard) -> None:
    submit()
    claims.claim(card, worker="dead", budget=1)
    lose_lease(attempt=claims.MAX_ATTEMPTS)

    assert sweep.sweep().crashed == 1

    job = Job.objects.get()
    assert (job.state, job.error_code) == (State.FAILED, ErrorCode.WORKER_CRASHED)


def test_a_queued_job_past_its_deadline_fails(submit: Submit) -> None:
    submit()
    Job.objects.update(deadline_at=Now() - AGO)

    assert sweep.sweep().expired == 1
    assert Job.objects.get().error_code == ErrorCode.DEADLINE


@pytest.fixture
def five_late_jobs(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "JOBS_PER_SLICE", 2)
    for _ in range(5):
        submit()
    Job.objects.update(deadline_at=Now() - AGO)


@pytest.mark.usefixtures("five_late_jobs")
def test_late_jobs_of_many_slices_fail_in_one_round() -> None:
    assert sweep.sweep().expired == 5
    assert set(Job.objects.values_list("error_code", flat=True)) == {ErrorCode.DEADLINE}


@pytest.mark.usefixtures("five_late_jobs")
def test_a_round_without_time_ends_a_slice_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "ROUND_S", 0)

    assert [sweep.sweep().expired for _ in range(4)] == [2, 2, 1, 0]


def test_lost_leases_of_many_slices_are_given_back_in_one_round(
    submit: Submit, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "JOBS_PER_SLICE", 2)
    for _ in range(5):
        submit()
    claims.claim(card, worker="dead", budget=5)
    lose_lease()

    assert sweep.sweep().given_back == 5
    assert Job.objects.queued().count() == 5


@pytest.mark.django_db(transaction=True)
def test_an_ended_job_loses_its_picture(submit: Submit) -> None:
    job = submit()
    Job.objects.update(deadline_at=Now() - AGO)

    sweep.sweep()

    assert not default_storage.exists(job.image_files[0])


@pytest.mark.parametrize(("heard_s", "woken"), [(None, 1), (2, 0), (6, 1)])
def test_jobs_whose_message_may_be_lost_are_rung_again(
    submit: Submit, heard_s: int | None, woken: int
) -> None:
    submit()
    Job.objects.update(woken_at=None if heard_s is None else Now() - timedelta(seconds=heard_s))

    assert sweep.sweep().woken == woken


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_give_a_job_back_once(submit: Submit, card: ModelCard) -> None:
    submit()
    claims.claim(card, worker="dead", budget=1)
    lose_lease()

    sweeps = at_once(lambda _: sweep.sweep(), 4)

    # On a busy machine a round may end before it comes to this.
    sweeps.append(sweep.sweep())
    assert sum(swept.given_back for swept in sweeps) == 1


def test_tidy_deletes_what_was_kept_long_enough(submit: Submit, card: ModelCard) -> None:
    old, young = submit(), submit()
    answer_next(card), answer_next(card)
    waiting = submit()
    for job in (old, young):
        job.refresh_from_db()
        assert default_storage.exists(job.preview_file)
    kept = timedelta(hours=24)
    Job.objects.filter(pk=old.pk).update(finished_at=Now() - kept - AGO)

    assert tidy.tidy(Budget(20)) == 1

    assert set(Job.objects.all()) == {young, waiting}
    assert not default_storage.exists(old.preview_file)
    assert default_storage.exists(young.preview_file)


def test_tidy_forgets_workers_that_went_silent(db: None) -> None:
    Worker.objects.create(name="gone", pid=1, device="cpu", seen_at=Now() - timedelta(days=2))
    Worker.objects.create(name="here", pid=2, device="cpu")

    tidy.tidy(Budget(20))

    assert [worker.name for worker in Worker.objects.all()] == ["here"]


def age_all_files() -> None:
    for folder in ("pictures", "previews"):
        for name in default_storage.listdir(folder)[1]:
            os.utime(default_storage.path(f"{folder}/{name}"), (0, 0))


def test_files_that_no_job_needs_are_deleted(submit: Submit, card: ModelCard) -> None:
    ended = submit()
    answer_next(card)
    waiting = submit()
    ended.refresh_from_db()
    default_storage.save(ended.image_files[0], ContentFile(b"left by a crash"))
    default_storage.save("previews/gone.jpg", ContentFile(b"of a job that is gone"))
    default_storage.save(f"pictures/{waiting.pk}-late-0", ContentFile(b"of a second submission"))
    age_all_files()

    assert tidy.delete_orphans() == 3

    assert default_storage.listdir("pictures")[1] == [Path(waiting.image_files[0]).name]
    assert {f"previews/{name}" for name in default_storage.listdir("previews")[1]} == {
        ended.preview_file,
    }


def test_young_files_are_no_orphans_yet(db: None) -> None:
    default_storage.save("pictures/being-committed", ContentFile(b"x"))

    assert tidy.delete_orphans() == 0

    assert default_storage.exists("pictures/being-committed")


def test_each_model_that_waits_is_rung_once(submit: Submit, card: ModelCard) -> None:
    other = make_card("laion/other")
    for each in (card, other, card, card):
        submit(card=each)
    Job.objects.update(woken_at=None)

    assert sweep.sweep().woken == 2


@pytest.mark.django_db(transaction=True)
def test_the_sweep_rings_for_the_models_themselves(
    submit: Submit, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    wake.acknowledge(card)
    Job.objects.update(woken_at=None)
    woken: list[object] = []

    def send_task(name: str, *, args: list[object], queue: str, **_: object) -> None:
        woken.append((name, args, queue))

    monkeypatch.setattr(current_app, "send_task", send_task)

    sweep.sweep()

    assert woken == [(wake.RUN_BATCHES, [card.pk], card.queue)]
    assert sweep.sweep().woken == 0
