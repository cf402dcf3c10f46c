"""Where a picture comes from: a file, a camera, a link, a sample, or a form that had an error."""

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from catalog.infrastructure import storage
from catalog.infrastructure.retention import Budget
from catalog.models import ModelCard
from inference import tasks
from inference.jobs import tidy
from inference.models import Job, PictureDraft
from inference.outbound import fetcher
from inference.playground import picture_urls
from inference.playground.samples import SAMPLES
from tests.conftest import photo_bytes
from tests.fakes.far_server import Answer, canary, far_server, world
from tests.inference.playground.conftest import upload
from tests.support.http.responses import Response

PHOTO = photo_bytes(80, 60)


def send(client: Client, card: ModelCard, **fields: Any) -> Response:
    return client.post("/playground/", {"model": card.repo, "labels": "a cat, a dog"} | fields)


def fail(client: Client, card: ModelCard, data: bytes = PHOTO, **fields: Any) -> Response:
    """A form with a picture and an error elsewhere."""
    return send(client, card, picture=upload(data), labels=" ", **fields)


def test_a_photo_from_the_camera_is_a_picture(client: Client, served_card: ModelCard) -> None:
    send(client, served_card, camera=upload(PHOTO))

    assert Job.objects.get().image_inputs[0].items() >= {"width": 80, "height": 60}.items()


def test_each_sample_has_labels_of_its_own(client: Client, served_card: ModelCard) -> None:
    for sample in SAMPLES.values():
        page = client.get(f"/playground/?sample={sample.name}").content.decode()

        assert f">{sample.labels}</textarea>" in page
        assert f'value="{sample.name}" data-labels-of-sample="{sample.labels}" checked' in page
    assert client.get("/playground/?sample=../x").status_code == 200


def test_a_form_error_keeps_the_picture(client: Client, served_card: ModelCard) -> None:
    response = fail(client, served_card)

    draft = PictureDraft.objects.get()
    assert response.status_code == 400
    assert "so is your picture" in response.content.decode()
    shown = client.get(f"/playground/drafts/{draft.pk}")
    assert (shown.content, shown["Content-Type"]) == (PHOTO, "image/jpeg")
    assert shown["Content-Security-Policy"].startswith("sandbox")

    send(client, served_card, sample="kept", draft=str(draft.pk))

    assert storage.read(Job.objects.get().image_files[0]) == PHOTO
    assert not PictureDraft.objects.exists()
    with pytest.raises(FileNotFoundError):
        storage.read(draft.file)


def test_a_second_error_keeps_it_still(client: Client, served_card: ModelCard) -> None:
    fail(client, served_card)
    draft = PictureDraft.objects.get()

    page = send(client, served_card, sample="kept", draft=str(draft.pk), labels=" ").content

    assert PictureDraft.objects.get() == draft
    assert f'value="{draft.pk}"' in page.decode()


def test_a_visitor_has_one_kept_picture(client: Client, served_card: ModelCard) -> None:
    fail(client, served_card)
    old = PictureDraft.objects.get()

    fail(client, served_card, photo_bytes(70, 50))

    assert PictureDraft.objects.get().width == 70
    with pytest.raises(FileNotFoundError):
        storage.read(old.file)


def test_a_kept_picture_is_its_visitors(client: Client, served_card: ModelCard) -> None:
    fail(client, served_card)
    draft = PictureDraft.objects.get()
    stranger = Client()

    assert stranger.get(f"/playground/drafts/{draft.pk}").status_code == 404
    response = send(stranger, served_card, sample="kept", draft=str(draft.pk))
    assert response.status_code == 400
    assert "choose it again" in response.content.decode()
    assert not Job.objects.exists()
    assert client.post(f"/playground/drafts/{draft.pk}").status_code == 405


@pytest.mark.parametrize("data", [b"hello", b"\xff\xd8" + b"\0" * 10_485_760])
def test_what_is_no_picture_is_not_kept(
    client: Client, served_card: ModelCard, data: bytes
) -> None:
    page = fail(client, served_card, data).content.decode()

    assert not PictureDraft.objects.exists()
    assert "has to be chosen again" in page


def test_kept_pictures_are_counted(
    client: Client, served_card: ModelCard, settings: Settings
) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS = 1
    fail(client, served_card)

    fail(Client(), served_card)

    assert PictureDraft.objects.count() == 1


def test_kept_pictures_go_after_an_hour(client: Client, served_card: ModelCard) -> None:
    fail(client, served_card)
    draft = PictureDraft.objects.get()
    tidy.tidy(Budget(10))
    assert storage.read(draft.file) == PHOTO
    PictureDraft.objects.update(created_at=timezone.now() - timedelta(minutes=61))

    tidy.tidy(Budget(10))

    assert not PictureDraft.objects.exists()
    with pytest.raises(FileNotFoundError):
        storage.read(draft.file)


def test_a_chosen_file_wins_over_what_was_kept(client: Client, served_card: ModelCard) -> None:
    fail(client, served_card)
    draft = PictureDraft.objects.get()

    send(
        client,
        served_card,
        sample="kept",
        draft=str(draft.pk),
        picture=upload(photo_bytes(70, 50)),
    )

    assert Job.objects.get().image_inputs[0]["width"] == 70


@pytest.mark.parametrize("url", ["ftp://a.example/cat.jpg", "cat.jpg", "file:///etc/passwd"])
def test_only_web_addresses_are_fetched(client: Client, served_card: ModelCard, url: str) -> None:
    response = send(client, served_card, picture_url=url)

    assert response.status_code == 400
    assert "could not be fetched" in response.content.decode()
    assert url in response.content.decode()  # what was typed stays


def test_a_picture_by_its_link_is_fetched_by_a_worker(
    client: Client,
    served_card: ModelCard,
    transactional_db: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[list[str]] = []

    def send_task(name: str, *, args: list[Any], queue: str, **_: object) -> None:
        if name == tasks.fetch_images.name:
            taken.append(args[1])
            tasks.fetch_images(*args)

    with far_server() as far, canary() as bird:
        far.answers["/cat.jpg"] = Answer(body=PHOTO)
        monkeypatch.setattr(current_app, "send_task", send_task)
        monkeypatch.setattr(fetcher, "default_client", lambda: world(far, bird))
        refused = send(client, served_card, picture_url="https://good.example/none.jpg")
        answer = send(client, served_card, picture_url=" https://good.example/cat.jpg ")

    assert taken[-1] == ["https://good.example/cat.jpg"]
    assert refused.status_code == 400
    assert answer.status_code == 302
    assert Job.objects.get().image_count == 1


def test_links_count_before_they_are_fetched(
    client: Client, served_card: ModelCard, settings: Settings
) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_SESSION = 0

    assert send(client, served_card, picture_url="https://a.example/cat.jpg").status_code == 429


def test_slow_links_leave_threads_to_the_pages(client: Client, served_card: ModelCard) -> None:
    held = [picture_urls.slots.acquire() for _ in range(picture_urls.MOST_AT_ONCE)]
    try:
        page = send(client, served_card, picture_url="https://a.example/cat.jpg").content.decode()
    finally:
        picture_urls.slots.release(len(held))

    assert "Many links are being fetched right now" in page
