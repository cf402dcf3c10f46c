"""Whose turn it is: a flood delays only itself, also where the worker is slower than the flood."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db.models import F

from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import queue
from inference.kinds.classify import request as classify
from inference.models import Job
from tests.conftest import photo_bytes

Submit = Callable[..., Job]

pytestmark = pytest.mark.django_db


def somebody() -> jobs.Requester:
    return jobs.Requester(user_id=None, visitor=uuid4())


def before(job: Job) -> int:
    start = Job.objects.get(pk=job.pk).virtual_start
    return Job.objects.queued().filter(virtual_start__lt=start).count()


@pytest.fixture
def overdue(submit: Submit) -> None:
    """20 jobs of one person whose turns came long ago: the worker is slow."""
    for _ in range(20):
        submit()
    Job.objects.update(virtual_start=F("virtual_start") - timedelta(minutes=5))


def test_somebody_else_comes_after_one_job_of_an_overdue_flood(
    submit: Submit, overdue: None
) -> None:
    assert before(submit(by=somebody())) == 1


def test_those_who_come_later_come_after(submit: Submit, overdue: None) -> None:
    bob = submit(by=somebody())
    # As if a minute had passed.
    Job.objects.exclude(pk=bob.pk).update(virtual_start=F("virtual_start") - timedelta(minutes=1))
    Job.objects.filter(pk=bob.pk).update(virtual_start=F("virtual_start") - timedelta(minutes=1))

    carol = submit(by=somebody())

    assert before(bob) == 1
    assert before(carol) == 2


def test_a_second_job_of_somebody_else_waits_its_share(submit: Submit, overdue: None) -> None:
    bob = somebody()
    submit(by=bob)

    assert before(submit(by=bob)) in (2, 3)


def test_who_waits_alone_has_their_turn_now(submit: Submit) -> None:
    job = submit()
    job.refresh_from_db()

    assert job.virtual_start == job.created_at


def test_many_texts_take_their_share_of_the_queue(card: ModelCard) -> None:
    ada = somebody()
    request = classify.job_request(
        card,
        [images.check(photo_bytes())],
        labels=[f"label {n}" for n in range(100)],
        template="openai-80",
    )
    first = jobs.submit(request, requester=ada)

    second = jobs.submit(request, requester=ada)

    assert request.text_tokens > 8000 * 7, "eighty templates by a hundred labels"
    share = queue.TIME_PER_INPUT * (1 + request.text_tokens // queue.TOKENS_PER_INPUT)
    of_pixels = queue.TIME_PER_MEGAPIXEL * (second.pixels / 1_000_000)
    assert _start(second) - _start(first) == share + of_pixels


def _start(job: Job) -> datetime:
    return Job.objects.get(pk=job.pk).virtual_start
