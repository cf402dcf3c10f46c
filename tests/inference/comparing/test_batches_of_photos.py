"""Batches: for people with an account, paid as the API is, and never more than a share."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import credits, lifecycle
from accounts.models import Category, Hold, User
from catalog.infrastructure.retention import Budget
from catalog.models import ModelCard, Stage
from inference.comparing import deletion
from inference.models import Comparison, Job
from tests.conftest import FROZEN, answer_next, photo_bytes
from tests.inference.comparing.conftest import Start, sentences, started, upload


@pytest.fixture
def ada(client: Client, cards: list[ModelCard]) -> User:
    """Signed in, with credit, and both models can be paid for."""
    ModelCard.objects.update(stage=Stage.LIVE, **FROZEN)
    ada = User.objects.create_user("ada@lab.example")
    credits.grant(ada, amount_micro_usd=10_000, category=Category.PURCHASE, reference="purchase:1")
    client.force_login(ada)
    return ada


def send(client: Client, comparison: Comparison, number: int) -> int:
    fields = {"script": "1", "photos": upload(photo_bytes(64 + number, 48), f"{number}.jpg")}
    return int(client.post(f"/try/compare/{comparison.pk}/photos/", fields).status_code)


def test_more_than_twenty_photos_are_paid_from_credit(
    start: Start, ada: User, cards: list[ModelCard], client: Client
) -> None:
    comparison = started(start(photos=None, photo_count=21))

    assert send(client, comparison, 1) == 204

    assert comparison.is_paid
    assert set(Job.objects.values_list("is_paid", "nano_usd_per_image")) == {(True, 94_000)}
    # An image and two labels each, for both columns.
    assert credits.balance_of(ada).held == 2 * (94 + 2 * 8)
    for card in cards:
        answer_next(card)
    assert "This run has cost $0.000188." in sentences(client.get(f"/try/compare/{comparison.pk}/"))


def test_twenty_are_free_also_for_people_with_credit(
    start: Start, ada: User, client: Client
) -> None:
    comparison = started(start(photos=None, photo_count=20))

    send(client, comparison, 1)

    assert not comparison.is_paid
    assert not Job.objects.filter(is_paid=True).exists()


def test_what_credit_does_not_cover_is_refused_before_anything_is_sent(
    start: Start, ada: User
) -> None:
    response = start(photos=None, photo_count=60)

    # 60 photos by 94 µ$ and two labels by 8 µ$, twice.
    assert "cost up to $0.011312, and $0.01 of your credit" in sentences(response)
    assert not Comparison.objects.exists()


def test_more_than_five_hundred_are_refused(start: Start, ada: User) -> None:
    assert "501 photos are more than the 500" in sentences(start(photos=None, photo_count=501))


def test_a_model_that_nobody_can_pay_for_takes_no_batch(start: Start, ada: User) -> None:
    ModelCard.objects.filter(repo="openai/second").update(stage=Stage.REQUESTED)

    response = start(photos=None, photo_count=30)

    assert "openai/second can't be paid for yet" in sentences(response)


def test_no_more_than_a_share_waits_and_the_same_photo_is_taken_later(
    start: Start, ada: User, cards: list[ModelCard], client: Client, settings: Settings
) -> None:
    settings.API_QUEUED_JOBS = 3
    comparison = started(start(photos=None, photo_count=21))
    assert send(client, comparison, 1) == 204

    response = client.post(
        f"/try/compare/{comparison.pk}/photos/",
        {"script": "1", "photos": upload(photo_bytes(66, 48), "2.jpg")},
    )

    assert (response.status_code, response["Retry-After"]) == (429, "3")
    for card in cards:
        answer_next(card)
    assert send(client, comparison, 2) == 204
    assert Job.objects.count() == 4
    assert comparison.photos.count() == 2


def test_credit_that_ends_on_the_way_empties_a_cell_and_says_so(
    start: Start, ada: User, cards: list[ModelCard], client: Client
) -> None:
    comparison = started(start(photos=None, photo_count=21))
    credits.hold(ada, amount_micro_usd=9_800, reference="elsewhere")

    # One column can be held; the other waits for the first, and then there is nothing left.
    assert send(client, comparison, 1) == 429
    answer_next(cards[0])
    assert send(client, comparison, 1) == 204

    page = sentences(client.get(f"/try/compare/{comparison.pk}/"))
    assert "Your credit did not cover it." in page
    assert Hold.objects.exclude(reference="elsewhere").count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_due_goes_with_its_jobs_and_files(
    start: Start, cards: list[ModelCard], client: Client, settings: Settings
) -> None:
    media = settings.STORAGES["default"]["OPTIONS"]["location"]
    old, young = started(start()), started(start(idempotency_key="young"))
    answer_next(cards[0])
    Comparison.objects.filter(pk=old.pk).update(
        created_at=timezone.now() - timedelta(hours=settings.PLAYGROUND_KEEP_HOURS, minutes=1)
    )
    assert client.get(f"/try/compare/{old.pk}/").status_code == 404

    deletion.RETENTION.delete_due(Budget(10))

    assert list(Comparison.objects.all()) == [young]
    assert Job.objects.count() == 2
    kept = {path.name[:36] for path in media.rglob("*") if path.is_file()}
    assert kept == {str(job.pk) for job in Job.objects.all()}
    assert deletion.RETENTION.overdue_s() == 0


def test_a_persons_comparisons_are_exported_and_erased_with_the_person(
    start: Start, ada: User, client: Client
) -> None:
    own = started(start(photos=None, photo_count=21))
    send(client, own, 1)
    other = started(start(by=Client()))

    exported = json.loads(json.dumps(lifecycle.export(ada), default=str))["comparisons"]
    lifecycle.delete(ada)

    assert [one["id"] for one in exported] == [str(own.pk)]
    assert [photo["name"] for photo in exported[0]["photos"]] == ["1.jpg"]
    assert list(Comparison.objects.all()) == [other]
    assert Job.objects.count() == 2


def test_nobody_else_pays_for_a_batch_in_the_same_browser(
    start: Start, ada: User, client: Client
) -> None:
    comparison = started(start(photos=None, photo_count=21))
    # The browser's random id outlives the person, as when one session follows another.
    visitor = client.session["visitor"]
    other = Client()
    other.force_login(User.objects.create_user("bob@lab.example"))
    session = other.session
    session["visitor"] = visitor
    session.save()

    assert send(other, comparison, 1) == 403
    assert not Job.objects.exists()
