"""The playground's images, in a bucket and in a storage that is away."""

import io

from django.test import Client
from PIL import Image

from catalog.models import ModelCard
from inference.jobs import claims
from inference.models import Job, State
from inference.worker.texts.cache import TextCache
from tests.conftest import answer_next, photo_bytes
from tests.fakes.buckets import Bucket
from tests.fakes.encoder import HashEncoder
from tests.fakes.storage import FakeStorage
from tests.support.batches import settle_all
from tests.support.http.responses import Response


def send(client: Client, card: ModelCard) -> Response:
    picture = io.BytesIO(photo_bytes())
    picture.name = "photo.jpg"
    fields = {"model": card.repo, "labels": "a cat, a dog", "template": "a photo of {}"}
    return client.post("/playground/", fields | {"picture": picture})


def test_a_photo_is_scored_shown_and_deleted(
    client: Client, served_card: ModelCard, bucket: Bucket
) -> None:
    assert send(client, served_card).status_code == 302
    job = Job.objects.get()
    assert bucket.keys == set(job.image_files)

    encoder = HashEncoder()
    settle_all(TextCache(encoder), encoder, claims.claim(served_card, worker="w", budget=1))
    job.refresh_from_db()
    assert job.state == State.SUCCEEDED
    assert job.preview_file.startswith("previews/")
    assert bucket.keys == {job.preview_file}

    page = client.get(f"/jobs/{job.pk}/").content.decode()
    assert "ViT-B/32" in page  # the preview in the patches of a tower
    picture = client.get(f"/jobs/{job.pk}/picture.jpg")
    assert picture["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size == (64, 48)

    client.post(f"/jobs/{job.pk}/forget/")
    assert not Job.objects.exists()
    assert bucket.keys == set()


def test_a_storage_that_is_away_is_a_page_that_says_so(
    client: Client, served_card: ModelCard, fake_storage: FakeStorage
) -> None:
    fake_storage.breaks("save")

    response = send(client, served_card)

    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert b"back in a moment" in response.content
    assert not Job.objects.exists()
    assert fake_storage.names == set()


def test_scores_are_shown_though_the_preview_cannot_be_read(
    client: Client, served_card: ModelCard, fake_storage: FakeStorage
) -> None:
    send(client, served_card)
    job = answer_next(served_card)
    fake_storage.breaks("open")

    page = client.get(f"/jobs/{job.pk}/")
    picture = client.get(f"/jobs/{job.pk}/picture.jpg")

    assert (page.status_code, picture.status_code) == (200, 503)
    assert b"closest label: a cat" in page.content


def test_scores_are_shown_though_the_preview_cannot_be_kept(
    client: Client, served_card: ModelCard, fake_storage: FakeStorage
) -> None:
    send(client, served_card)
    fake_storage.breaks("save")

    encoder = HashEncoder()
    settle_all(TextCache(encoder), encoder, claims.claim(served_card, worker="w", budget=1))

    job = Job.objects.get()
    assert (job.state, job.preview_file) == (State.SUCCEEDED, "")
    page = client.get(f"/jobs/{job.pk}/").content
    assert b"closest label" in page
    assert b"picture.jpg" not in page


def test_a_job_is_gone_though_its_files_stay_for_an_hour(
    client: Client, served_card: ModelCard, fake_storage: FakeStorage
) -> None:
    send(client, served_card)
    fake_storage.breaks("delete")

    response = client.post(f"/jobs/{Job.objects.get().pk}/forget/")

    assert response.status_code == 302
    assert not Job.objects.exists()
