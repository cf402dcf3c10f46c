"""What is kept of a job: each attempt that was lost, and a record when the job goes."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from accounts import erasure, lifecycle
from accounts.models import User
from catalog.infrastructure import log_context
from catalog.infrastructure.retention import Budget
from catalog.models import ModelCard
from inference import jobs
from inference.jobs import claims, sweep, tidy
from inference.models import Job, JobRecord, State
from tests.conftest import answer_next

Submit = Callable[..., Job]
AGO = timedelta(seconds=1)


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


@pytest.fixture
def own(submit: Submit, ada: User) -> Job:
    return submit(by=jobs.Requester(ada.pk, None))


def ends(job: Job) -> list[tuple[str, str]]:
    job.refresh_from_db()
    return [(attempt["worker"], attempt["end"]) for attempt in job.earlier_attempts or []]


def expire_lease() -> None:
    Job.objects.update(lease_until=Now() - AGO)


def test_an_attempt_whose_lease_is_lost_is_noted_with_its_worker(own: Job, card: ModelCard) -> None:
    for worker in ("one", "two"):
        claims.claim(card, worker=worker, budget=1)
        expire_lease()
        sweep.sweep()

    assert ends(own) == [("one", "lost"), ("two", "lost")]
    [first, _] = own.earlier_attempts or []
    assert first["started_at"] < first["ended_at"]


def test_attempts_that_are_given_back_are_noted(own: Job, card: ModelCard) -> None:
    for worker, was_tried in (("one", True), ("two", False)):
        [job] = claims.claim(card, worker=worker, budget=1)
        assert job.lease_token
        claims.give_back(job.lease_token, was_tried=was_tried)

    assert ends(own) == [("one", "given_back"), ("two", "untried")]


def test_a_postponed_attempt_is_noted_once(own: Job, card: ModelCard) -> None:
    [job] = claims.claim(card, worker="one", budget=1)
    assert job.lease_token
    claims.postpone(job.lease_token, [job])
    expire_lease()
    sweep.sweep()

    assert ends(own) == [("one", "unread")]
    assert own.state == State.QUEUED


def test_the_list_of_attempts_stays_short(own: Job, card: ModelCard) -> None:
    for number in range(25):
        [job] = claims.claim(card, worker=f"w{number}", budget=1)
        assert job.lease_token
        claims.give_back(job.lease_token, was_tried=False)

    assert ends(own) == [(f"w{number}", "untried") for number in range(5, 25)]


def test_a_job_that_goes_well_notes_no_attempt(own: Job, card: ModelCard) -> None:
    answer_next(card)

    assert ends(own) == []


def test_the_request_that_submitted_a_job_is_stored(submit: Submit) -> None:
    request_id = log_context.new_request_id()
    with log_context.bound(request_id=request_id):
        job = submit()

    job.refresh_from_db()
    assert job.request_id == uuid.UUID(request_id.removeprefix("req_"))


def test_a_job_submitted_outside_a_request_has_none(submit: Submit) -> None:
    with log_context.bound(request_id="by hand"):
        assert submit().request_id is None


def test_tidying_keeps_a_record_without_what_was_sent_or_answered(
    own: Job, card: ModelCard, ada: User
) -> None:
    answer_next(card)
    Job.objects.update(finished_at=Now() - timedelta(days=2))

    tidy.tidy(Budget(20))

    assert not Job.objects.exists()
    record = JobRecord.objects.get()
    assert (record.pk, record.owner, record.model) == (own.pk, ada, card.repo)
    assert (record.state, record.worker, record.attempt) == (State.SUCCEEDED, "w", 1)
    values = JobRecord.objects.values_list()[0]
    assert "cat" not in str(values)


def test_deleting_a_job_keeps_its_record(own: Job) -> None:
    pk = own.pk
    jobs.delete(own)

    record = JobRecord.objects.get()
    assert (record.pk, record.state, record.started_at) == (pk, State.CANCELLED, None)


def test_a_visitors_job_leaves_no_record(submit: Submit) -> None:
    jobs.delete(submit(by=jobs.Requester(None, uuid.uuid4())))

    assert not JobRecord.objects.exists()


def test_no_record_is_kept_where_the_operator_wants_none(own: Job, settings: Settings) -> None:
    settings.JOB_RECORD_DAYS = 0

    jobs.delete(own)

    assert not JobRecord.objects.exists()


def test_records_go_after_their_days(own: Job, settings: Settings) -> None:
    jobs.delete(own)
    JobRecord.objects.update(finished_at=Now() - timedelta(days=29))
    tidy.tidy(Budget(20))
    assert JobRecord.objects.exists()

    JobRecord.objects.update(finished_at=Now() - timedelta(days=30, seconds=1))
    tidy.tidy(Budget(20))

    assert not JobRecord.objects.exists()


def test_records_are_exported_and_erased_with_the_person(
    own: Job, submit: Submit, ada: User
) -> None:
    bob = User.objects.create_user("bob@lab.example")
    pk = own.pk
    jobs.delete(own)
    jobs.delete(submit(by=jobs.Requester(bob.pk, None)))
    submit(by=jobs.Requester(ada.pk, None))  # one that is still open

    exported = json.loads(json.dumps(lifecycle.export(ada), default=str))
    assert [record["id"] for record in exported["job_records"]] == [str(pk)]

    erasure.request(ada)
    erasure.run(ada.pk, Budget(20))

    assert not User.objects.filter(pk=ada.pk).exists()
    assert [record.owner for record in JobRecord.objects.all()] == [bob]
    assert not Job.objects.exists()


def test_no_record_is_written_of_somebody_who_is_being_erased(own: Job, ada: User) -> None:
    erasure.request(ada)

    jobs.delete(own)

    assert not JobRecord.objects.exists()
