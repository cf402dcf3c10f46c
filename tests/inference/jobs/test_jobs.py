"""A job ends exactly once, whoever else was at it."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from catalog.infrastructure import storage
from catalog.models import ModelCard
from inference import jobs
from inference.jobs import claims
from inference.models import ErrorCode, Job, State
from inference.worker import settlement
from inference.worker.settlement import Done
from tests.conftest import make_card
from tests.support.rows import lease_of
from tests.support.threads import at_once

Submit = Callable[..., Job]
RESULT: settlement.Result = {"rows": []}


def claim_one(card: ModelCard, worker: str = "w") -> Job:
    [job] = claims.claim(card, worker=worker, budget=1)
    return job


def preview_of(job: Job) -> str:
    """End it with a preview; returns its name."""
    claimed = {claimed.pk: claimed for claimed in claims.claim(job.card, worker="w", budget=9)}
    settlement.succeed([Done(claimed[job.pk], RESULT, preview=b"a small copy")])
    job.refresh_from_db()
    assert default_storage.exists(job.preview_file)
    return job.preview_file


def test_a_submitted_job_waits_with_its_picture(submit: Submit) -> None:
    job = Job.objects.get(pk=submit().pk)

    assert job.state == State.QUEUED
    assert default_storage.exists(job.image_files[0])
    assert (job.keeps_preview, job.preview_file) == (True, "")
    assert job.deadline_at - job.created_at >= jobs.DEADLINE - timedelta(seconds=1)


def test_the_same_ticket_and_input_give_the_same_job(submit: Submit) -> None:
    first, again = submit(idempotency_key="t"), submit(idempotency_key="t")

    assert first.pk == again.pk
    assert Job.objects.count() == 1


def test_the_same_ticket_with_other_labels_gives_another_job(submit: Submit) -> None:
    first, other = submit(idempotency_key="t"), submit(idempotency_key="t", labels=("a car",))

    assert first.pk != other.pk


def test_a_claim_takes_the_oldest_up_to_its_limit(submit: Submit, card: ModelCard) -> None:
    queued = [submit() for _ in range(3)]

    claimed = claims.claim(card, worker="w", budget=2)

    assert [job.pk for job in claimed] == [job.pk for job in queued[:2]]
    assert {(j.state, j.attempt, j.worker, j.batch_size) for j in claimed} == {
        (State.RUNNING, 1, "w", 2)
    }


def test_a_claim_leaves_other_models_alone(submit: Submit, card: ModelCard) -> None:
    submit(card=make_card("laion/other"))

    assert claims.claim(card, worker="w", budget=9) == []


def test_a_job_tried_before_is_claimed_alone(submit: Submit, card: ModelCard) -> None:
    suspect, fresh = submit(), submit()
    Job.objects.filter(pk=suspect.pk).update(attempt=1)

    assert [j.pk for j in claims.claim(card, worker="w", budget=9)] == [suspect.pk]
    assert [j.pk for j in claims.claim(card, worker="w", budget=9)] == [fresh.pk]


def test_a_suspect_in_the_line_is_left_out_of_the_batch(submit: Submit, card: ModelCard) -> None:
    first, suspect, last = submit(), submit(), submit()
    Job.objects.filter(pk=suspect.pk).update(attempt=1)

    assert {j.pk for j in claims.claim(card, worker="w", budget=9)} == {first.pk, last.pk}


def test_a_job_past_its_deadline_is_not_claimed(submit: Submit, card: ModelCard) -> None:
    Job.objects.filter(pk=submit().pk).update(deadline_at=Now() - timedelta(seconds=1))

    assert claims.claim(card, worker="w", budget=1) == []


def test_success_keeps_the_result_and_drops_the_picture(submit: Submit, card: ModelCard) -> None:
    submit()
    job = claim_one(card)

    assert settlement.succeed([Done(job, RESULT, preview=b"a small copy")])

    job.refresh_from_db()
    assert (job.state, job.result) == (State.SUCCEEDED, RESULT)
    assert not default_storage.exists(job.image_files[0])
    assert storage.read(job.preview_file) == b"a small copy"


def test_a_stale_claim_leaves_no_preview(submit: Submit, card: ModelCard) -> None:
    submit()
    stale = claim_one(card)
    Job.objects.update(**claims.UNCLAIMED)

    assert not settlement.succeed([Done(stale, RESULT, preview=b"a small copy")])

    assert storage.names_in("previews") == []


def test_a_stale_claim_changes_nothing(submit: Submit, card: ModelCard) -> None:
    submit()
    stale = claim_one(card, "first")
    Job.objects.update(state=State.QUEUED, lease_token=None, lease_until=None)
    fresh = claim_one(card, "second")

    assert not settlement.succeed([Done(stale, RESULT)])
    assert not settlement.fail(stale, ErrorCode.INTERNAL)
    assert Job.objects.get().state == State.RUNNING
    assert settlement.succeed([Done(fresh, RESULT)])


def test_a_final_job_cannot_be_cancelled(submit: Submit, card: ModelCard) -> None:
    submit()
    job = claim_one(card)
    settlement.fail(job, ErrorCode.INVALID_IMAGE)

    assert not jobs.cancel(job)
    assert Job.objects.get().state == State.FAILED


def test_a_cancelled_job_is_never_claimed(submit: Submit, card: ModelCard) -> None:
    assert jobs.cancel(submit())

    assert claims.claim(card, worker="w", budget=1) == []


def test_forgetting_leaves_no_file_and_no_row(submit: Submit) -> None:
    job, done = submit(), submit()
    preview = preview_of(done)
    done.refresh_from_db()

    jobs.delete(job)
    jobs.delete(done)

    assert not Job.objects.exists()
    assert not default_storage.exists(job.image_files[0])
    assert not default_storage.exists(preview)


def test_only_the_lease_in_hand_is_renewed(submit: Submit, card: ModelCard) -> None:
    submit(), submit()
    mine, other = claim_one(card, "same name"), claim_one(card, "same name")

    assert claims.renew(lease_of(mine)) == 1

    mine_again, other_again = Job.objects.get(pk=mine.pk), Job.objects.get(pk=other.pk)
    assert mine.lease_until
    assert mine_again.lease_until
    assert mine_again.lease_until > mine.lease_until
    assert other_again.lease_until == other.lease_until


def test_what_was_not_settled_is_given_back(submit: Submit, card: ModelCard) -> None:
    submit(), submit()
    done, left = claims.claim(card, worker="w", budget=2)
    settlement.succeed([Done(done, RESULT)])

    assert claims.give_back(lease_of(left)) == 1

    assert Job.objects.get(pk=left.pk).state == State.QUEUED
    assert Job.objects.get(pk=done.pk).state == State.SUCCEEDED


def test_a_file_left_by_a_failed_commit_does_not_shadow_the_new_one(submit: Submit) -> None:
    job = submit(idempotency_key="t")
    Job.objects.all().delete()  # as if the commit had failed after the files were written

    again = submit(idempotency_key="t")

    assert again.pk == job.pk
    assert again.image_files != job.image_files


def test_a_job_that_is_submitted_twice_keeps_the_files_of_the_first(submit: Submit) -> None:
    job = submit(idempotency_key="t")

    submit(idempotency_key="t")

    assert [f"pictures/{name}" for name in default_storage.listdir("pictures")[1]] == (
        job.image_files
    )


@pytest.mark.parametrize(
    "impossible",
    [
        {"state": "sleeping"},
        {"state": State.RUNNING},
        {"state": State.SUCCEEDED, "finished_at": Now()},
        {"state": State.FAILED, "finished_at": Now()},
        {"state": State.CANCELLED},
        {"error_code": ErrorCode.INTERNAL},
        {"result": RESULT},
        {"lease_token": uuid.uuid4(), "lease_until": Now()},
        {"visitor": None},
    ],
)
def test_the_database_refuses_fields_that_contradict(
    submit: Submit, impossible: dict[str, object]
) -> None:
    job = submit()

    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**impossible)


@pytest.mark.django_db(transaction=True)
def test_twenty_workers_never_claim_one_job_twice(submit: Submit, card: ModelCard) -> None:
    queued = {submit().pk for _ in range(30)}

    batches = at_once(lambda i: claims.claim(card, worker=str(i), budget=2), 20)

    claimed = [job.pk for batch in batches for job in batch]
    assert len(claimed) == len(set(claimed)) == 30
    assert set(claimed) == queued


def cancel_and_succeed(job: Job) -> list[bool]:
    """Both at once, and which of them did it."""
    ends = [lambda: bool(settlement.succeed([Done(job, RESULT)])), lambda: jobs.cancel(job)]
    return at_once(lambda index: ends[index](), len(ends))


@pytest.mark.django_db(transaction=True)
def test_cancel_and_success_at_once_have_one_winner(submit: Submit, card: ModelCard) -> None:
    for _ in range(10):
        submit()
        outcomes = cancel_and_succeed(claim_one(card))

        assert sorted(outcomes) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_job(submit: Submit) -> None:
    made = at_once(lambda _: submit(idempotency_key="t").pk, 8)

    assert len(set(made)) == 1
    assert Job.objects.count() == 1
