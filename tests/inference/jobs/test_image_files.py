"""A job's files, from the submission to the last round of tidying, on a bucket and on a bad day."""

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

from accounts import credits
from accounts.models import Category, Erasure, User
from catalog.infrastructure import storage
from catalog.infrastructure.retention import Budget
from catalog.infrastructure.storage import StorageUnavailable
from catalog.models import ModelCard
from inference import images, jobs, personal_data
from inference.jobs import claims, image_files, sweep, tidy
from inference.kinds.classify import request as classify
from inference.models import ErrorCode, Job, State
from inference.worker.texts.cache import TextCache
from tests.conftest import FROZEN, make_card, photo_bytes
from tests.fakes.buckets import Bucket
from tests.fakes.encoder import HashEncoder
from tests.fakes.storage import FakeStorage
from tests.support.batches import settle_all

GRANTED = 10_000


@pytest.fixture
def card(db: None) -> ModelCard:
    """94 µ$ an image, 8 µ$ a new label."""
    return make_card(**FROZEN)


@pytest.fixture
def payer(db: None) -> User:
    user = User.objects.create_user("ada@lab.example")
    credits.grant(
        user, amount_micro_usd=GRANTED, category=Category.PURCHASE, reference="purchase:1"
    )
    return user


Submit = Callable[..., Job]


@pytest.fixture
def submit(card: ModelCard, payer: User) -> Submit:
    def submit_one(*, images_count: int = 1) -> Job:
        image = images.check(photo_bytes())
        request = classify.job_request(
            card, [image] * images_count, labels=["a"], template="{}", keeps_preview=True
        )
        return jobs.submit(request, requester=jobs.Requester(payer.pk, None), payer=payer)

    return submit_one


def run_all(card: ModelCard) -> None:
    encoder = HashEncoder()
    settle_all(TextCache(encoder), encoder, claims.claim(card, worker="w", budget=64))


def names_of(*jobs: Job) -> set[str]:
    return {name for job in jobs for name in job.image_files}


def previews(*jobs: Job) -> set[str]:
    """Names that there are by now."""
    for job in jobs:
        job.refresh_from_db()
        assert job.preview_file
    return {job.preview_file for job in jobs}


def money(user: User) -> tuple[int, int]:
    """What is available, and what is held."""
    balance = credits.balance_of(user)
    return balance.available, balance.held


# --- on a bucket ------------------------------------------------------------------------------


def test_a_worker_scores_what_the_bucket_holds_and_leaves_the_preview(
    bucket: Bucket, submit: Submit, card: ModelCard
) -> None:
    job, other = submit(images_count=3), submit()
    assert bucket.keys == names_of(job, other)

    run_all(card)

    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert bucket.keys == previews(job, other)


def test_a_batch_is_on_its_way_at_once(
    fake_storage: FakeStorage, submit: Submit, card: ModelCard
) -> None:
    """Not two at a time, as it is decoded: a bucket takes longer for an image than a decoder."""
    submit(images_count=3)

    run_all(card)

    assert all(operation.thread.startswith("files") for operation in fake_storage.of("open"))
    assert Job.objects.get().state == State.SUCCEEDED


def test_deleting_a_job_empties_the_bucket(bucket: Bucket, submit: Submit) -> None:
    jobs.delete(submit(images_count=3))

    assert bucket.keys == set()


def test_tidying_deletes_old_jobs_objects(bucket: Bucket, submit: Submit, card: ModelCard) -> None:
    submit()
    run_all(card)
    Job.objects.update(finished_at=Now() - timedelta(days=2))

    assert tidy.tidy(Budget(20)) == 1

    assert bucket.keys == set()


def test_orphans_of_a_bucket_are_deleted_and_nothing_else(
    bucket: Bucket, submit: Submit, card: ModelCard
) -> None:
    done = submit()
    run_all(card)
    waiting, canceled = submit(), submit()
    jobs.cancel(canceled)
    for name in ("previews/gone.jpg", f"pictures/{waiting.pk}-late-0", canceled.image_files[0]):
        bucket.client.put_object(Bucket=bucket.name, Key=name, Body=b"left behind")

    assert tidy.delete_orphans() == 0  # too young

    assert tidy.delete_orphans(older_than=-timedelta(hours=1)) == 3
    assert bucket.keys == names_of(waiting) | previews(done)


def test_a_bucket_with_more_objects_than_one_list_holds(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    storage.save({f"previews/gone-{index}.jpg": b"x" for index in range(5)})
    assert bucket.client.list_objects_v2(Bucket=bucket.name)["IsTruncated"]

    assert tidy.delete_orphans(older_than=-timedelta(hours=1)) == 5

    assert bucket.keys == set()


def test_no_name_of_a_file_is_used_twice() -> None:
    """So a bucket need not be asked first whether there is such a file."""
    job_id = uuid.uuid4()
    image = images.check(photo_bytes())

    assert image_files.store(job_id, [image]) != image_files.store(job_id, [image])


# --- on a bad day -----------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["-0", "-4"], ids=["first", "last"])
def test_a_submission_that_cannot_be_stored_leaves_nothing(
    fake_storage: FakeStorage, submit: Submit, payer: User, broken: str
) -> None:
    fake_storage.breaks("save", broken)

    with pytest.raises(StorageUnavailable):
        submit(images_count=5)

    assert not Job.objects.exists()
    assert money(payer) == (GRANTED, 0)
    assert fake_storage.names == set()


def test_a_result_stands_though_its_image_cannot_be_deleted(
    fake_storage: FakeStorage,
    submit: Submit,
    card: ModelCard,
    payer: User,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job, other = submit(), submit()
    fake_storage.breaks("delete", job.image_files[0].removeprefix("pictures/"))

    with caplog.at_level(logging.ERROR):
        run_all(card)

    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert money(payer) == (GRANTED - 2 * 94 - 8, 0)
    assert f"file not deleted file={job.image_files[0]}" in caplog.text
    assert fake_storage.names == names_of(job) | previews(job, other)


def test_what_could_not_be_deleted_goes_with_the_next_round(
    fake_storage: FakeStorage, submit: Submit
) -> None:
    job = submit()
    fake_storage.breaks("delete")
    assert jobs.cancel(job)
    # Still broken; it says so, and does not count it.
    assert tidy.delete_orphans(older_than=-timedelta(hours=1)) == 0

    fake_storage.broken.clear()

    assert tidy.delete_orphans(older_than=-timedelta(hours=1)) == 1
    assert fake_storage.names == set()


def test_an_image_that_cannot_be_read_now_is_tried_again(
    fake_storage: FakeStorage, submit: Submit, card: ModelCard, payer: User
) -> None:
    """The storage's failure is not called the image's."""
    submit()
    fake_storage.breaks("open")

    run_all(card)
    job = Job.objects.get()
    assert (job.state, job.attempt, job.unread_count) == (State.RUNNING, 0, 1)
    assert money(payer) == (GRANTED - 102, 102)

    Job.objects.update(lease_until=Now() - timedelta(seconds=1))  # it has waited long enough
    sweep.sweep()
    fake_storage.broken.clear()
    run_all(card)

    job.refresh_from_db()
    assert (job.state, job.attempt) == (State.SUCCEEDED, 1)
    assert money(payer) == (GRANTED - 102, 0)


def test_an_image_that_stays_unreadable_costs_nothing(
    fake_storage: FakeStorage, submit: Submit, card: ModelCard, payer: User
) -> None:
    submit()
    fake_storage.breaks("open")
    Job.objects.update(unread_count=claims.MAX_UNREAD)

    run_all(card)

    assert Job.objects.get().error_code == ErrorCode.INTERNAL
    assert money(payer) == (GRANTED, 0)


# --- money and slow storage -------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_no_file_is_touched_inside_a_transaction(
    fake_storage: FakeStorage, submit: Submit, card: ModelCard, payer: User, settings: Settings
) -> None:
    """Or the wallet's row would be locked for as long as a slow store takes."""
    settings.PLAYGROUND_KEEP_HOURS = 0
    done, canceled, deleted, refused = submit(), submit(), submit(), None
    jobs.cancel(canceled)
    jobs.delete(deleted)
    run_all(card)
    with pytest.raises(credits.NotEnoughCredit):
        refused = submit(images_count=1000)
    tidy.tidy(Budget(20))
    erased = submit()
    erasure = Erasure.objects.create(user=payer, addresses=[])
    with transaction.atomic():
        assert personal_data.erase(erasure, limit=10)

    assert refused is None
    assert fake_storage.of("save")
    assert fake_storage.of("delete")
    assert fake_storage.of("open")
    assert [each for each in fake_storage.operations if each.is_in_transaction] == []
    assert not fake_storage.names & names_of(done, canceled, deleted, erased)
