"""Where a job stands and when it will be done; unknown is said, never guessed."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.models import ModelCard
from inference import jobs
from inference.jobs import claims, eta
from inference.jobs.eta import Eta, Position
from inference.models import Job, Worker
from tests.conftest import make_card

Submit = Callable[..., Job]


def worker(name: str = "w", **rates: float) -> Worker:
    repos = {repo.replace("__", "/").replace("_", "-"): rate for repo, rate in rates.items()}
    return Worker.objects.create(
        name=name, pid=1, device="cpu", repos=sorted(repos), images_per_s=repos
    )


@pytest.fixture
def card(db: None) -> ModelCard:
    return make_card("a/fast")


@pytest.fixture
def other(db: None) -> ModelCard:
    return make_card("b/slow")


def stranger() -> jobs.Requester:
    return jobs.Requester(user_id=None, visitor=uuid.uuid4())


def test_the_range_follows_from_what_is_ahead_and_the_rate(submit: Submit) -> None:
    worker(a__fast=10)
    for _ in range(4):
        submit(by=stranger())

    last = submit(by=stranger())

    assert eta.position_of(last) == Position(ahead=4, eta=Eta(low_s=0.5, high_s=1.8))


def test_two_workers_halve_it(submit: Submit) -> None:
    worker("one", a__fast=10)
    worker("two", a__fast=10)
    for _ in range(7):
        submit(by=stranger())

    assert eta.eta_of(submit(by=stranger())) == Eta(low_s=0.4, high_s=1.6)


def test_what_runs_may_have_to_end_first(submit: Submit, card: ModelCard) -> None:
    worker(a__fast=1)
    submit()
    claims.claim(card, worker="w", budget=1)

    assert eta.eta_of(submit(by=stranger())) == Eta(low_s=1.0, high_s=4.0)


def test_other_models_of_the_same_worker_may_come_first(submit: Submit, other: ModelCard) -> None:
    worker(a__fast=5, b__slow=0.5)
    submit(card=other)

    assert eta.eta_of(submit(by=stranger())) == Eta(low_s=0.2, high_s=3.3)


def test_other_models_of_unknown_pace_make_it_unknown(submit: Submit, other: ModelCard) -> None:
    worker(a__fast=10, b__slow=0)
    submit(card=other)

    assert eta.eta_of(submit(by=stranger())) is None


def test_without_a_living_worker_it_is_unknown(submit: Submit) -> None:
    worker(a__fast=10)
    Worker.objects.update(seen_at=Now() - timedelta(minutes=1))

    assert eta.position_of(submit()) == Position(ahead=0, eta=None)


def test_a_worker_that_has_done_nothing_yet_makes_no_promise(submit: Submit) -> None:
    worker(a__fast=0)

    assert eta.eta_of(submit()) is None


def test_a_running_job_ends_within_its_batch(submit: Submit, card: ModelCard) -> None:
    worker(a__fast=2)
    submit()
    [job] = claims.claim(card, worker="w", budget=1)

    found = eta.eta_of(job)

    assert found is not None
    assert found.low_s == 0.0
    assert 0 < found.high_s <= 2.5


def test_a_batch_beyond_all_measure_is_unknown(submit: Submit, card: ModelCard) -> None:
    worker(a__fast=2)
    submit()
    claims.claim(card, worker="w", budget=1)
    Job.objects.update(started_at=Now() - timedelta(seconds=30))

    assert eta.eta_of(Job.objects.get()) is None


def test_a_job_that_has_ended_has_no_eta(submit: Submit) -> None:
    worker(a__fast=2)
    job = submit()
    jobs.cancel(job)

    assert eta.position_of(Job.objects.get()) == Position()


@pytest.mark.parametrize(
    ("low_s", "high_s", "words"),
    [
        (0.4, 3.2, "0 to 4 seconds"),
        (0.0, 0.9, "0 to 1 seconds"),
        (61.0, 119.0, "61 to 119 seconds"),
        (70.0, 290.0, "1 to 5 minutes"),
    ],
)
def test_it_is_told_as_finely_as_it_is_known(low_s: float, high_s: float, words: str) -> None:
    assert Eta(low_s, high_s).words == words


def test_it_costs_four_queries_at_most(
    submit: Submit, other: ModelCard, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    worker(a__fast=10, b__slow=1)
    submit(card=other)
    job = submit(by=stranger())

    with django_assert_max_num_queries(4):
        eta.position_of(job)


def test_the_page_says_how_long_or_that_nobody_knows(client: Client, submit: Submit) -> None:
    session = client.session
    session["visitor"] = str(uuid.uuid4())
    session.save()
    job = submit(by=jobs.Requester(user_id=None, visitor=uuid.UUID(session["visitor"])))

    assert "is unknown" in client.get(job.get_absolute_url()).content.decode()
    worker(a__fast=10)
    assert "0 to 2 seconds" in client.get(job.get_absolute_url()).content.decode()
