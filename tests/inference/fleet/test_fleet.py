"""The staff's page of workers: queues, waits, batches and errors as they are."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from catalog.models import ModelCard
from inference.fleet import charts, snapshot
from inference.jobs import claims
from inference.models import ErrorCode, Job, Worker
from inference.worker import process, settlement
from tests.conftest import answer_next

Submit = Callable[..., Job]
PAGE = "/admin/fleet/"


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_user("staff@lab.example", is_staff=True))
    return client


@pytest.fixture
def busy(submit: Submit, served_card: ModelCard) -> ModelCard:
    """A batch of three succeeded, one job failed, one runs and two wait."""
    for _ in range(3):
        submit()
    settlement.succeed(
        [
            settlement.Done(job, {"rows": []})
            for job in claims.claim(served_card, worker="w", budget=3)
        ]
    )
    submit()
    [broken] = claims.claim(served_card, worker="w", budget=1)
    settlement.fail(broken, ErrorCode.INVALID_IMAGE)
    submit()
    claims.claim(served_card, worker="w", budget=1)
    submit()
    submit()
    Worker.objects.update(
        images_per_s={served_card.repo: 12.5},
        batch_images={served_card.repo: 16},
        resident_bytes=900_000_000,
    )
    return served_card


def test_each_model_has_its_row(busy: ModelCard) -> None:
    [model] = snapshot.current().models

    assert (model.repo, model.queued, model.running) == (busy.repo, 2, 1)
    assert model.last_10_minutes is not None
    assert model.last_10_minutes.jobs == 4
    assert model.last_10_minutes.images_per_s == pytest.approx(3 / 600)
    assert model.last_10_minutes.wait is not None
    assert model.last_10_minutes.wait.p50_s <= model.last_10_minutes.wait.p95_s


def test_an_hour_has_more_in_it_than_ten_minutes(busy: ModelCard) -> None:
    Job.objects.final().update(finished_at=Now() - timedelta(minutes=30))

    [model] = snapshot.current().models

    assert model.last_10_minutes is None
    assert model.last_hour is not None
    assert model.last_hour.jobs == 4


def test_batches_are_counted_by_the_pictures_they_held(busy: ModelCard) -> None:
    fleet = snapshot.current()

    assert fleet.batches == [(1, 1), (4, 1)]
    assert [(c.at_most, c.count) for c in charts.columns_of(fleet)] == [
        (1, 1),
        (2, 0),
        (4, 1),
    ]


def test_errors_are_counted_by_model_and_code(busy: ModelCard) -> None:
    assert snapshot.current().failures == [snapshot.Failures(busy.repo, "invalid_image", 1)]


def test_a_silent_worker_stays_in_sight_and_does_not_count(busy: ModelCard) -> None:
    Worker.objects.update(seen_at=Now() - timedelta(minutes=1))

    fleet = snapshot.current()

    assert len(fleet.workers) == 1
    assert fleet.alive == 0


def test_an_empty_fleet_is_a_page_too(staff: Client) -> None:
    page = staff.get(PAGE).content.decode()

    assert "No jobs are queued" in page
    assert "No worker has reported" in page


def test_the_page_shows_all_of_it(staff: Client, busy: ModelCard) -> None:
    page = staff.get(PAGE).content.decode()

    assert busy.repo in page
    assert "invalid_image" in page
    assert "12.5, 16" in page
    assert "858.3" in page  # MB, as Django counts them
    assert "style=" not in page.partition('id="fleet"')[2]


def test_the_page_takes_few_queries_and_none_a_moment_later(
    staff: Client, busy: ModelCard, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    session_user_and_rights = 4
    with django_assert_num_queries(7 + session_user_and_rights):
        staff.get(PAGE)
    with django_assert_num_queries(session_user_and_rights):
        staff.get(PAGE)


def test_strangers_and_mere_people_see_nothing(client: Client, db: None) -> None:
    assert client.get(PAGE).status_code == 302
    client.force_login(User.objects.create_user("ada@lab.example"))
    assert client.get(PAGE).status_code == 302


def test_it_is_only_looked_at(staff: Client) -> None:
    assert staff.post(PAGE).status_code == 405


def test_a_worker_reports_its_memory(db: None) -> None:
    process.announce()

    row = Worker.objects.get()
    assert (row.resident_bytes or 0) > 10_000_000
    assert row.device_bytes is None


def test_a_cached_snapshot_goes(busy: ModelCard) -> None:
    snapshot.current()
    answer = answer_next(busy)
    cache.delete(snapshot.CACHE_KEY)

    assert answer.card_id == busy.pk
    assert snapshot.current().models[0].queued == 1
