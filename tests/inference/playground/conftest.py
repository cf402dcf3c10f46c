"""A visitor with a result on a picture, and a worker that answers."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from catalog.models import ModelCard
from inference.jobs import claims
from inference.models import Job
from inference.worker.texts.cache import TextCache
from tests.conftest import photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.support.batches import settle_all
from tests.support.http.responses import Response

Post = Callable[..., Response]


def upload(data: bytes, name: str = "photo.jpg") -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = name
    return file


def work(card: ModelCard, encoder: HashEncoder | None = None) -> None:
    """The card's worker does all that waits for it."""
    encoder = encoder or HashEncoder()
    settle_all(TextCache(encoder), encoder, claims.claim(card, worker="w", budget=16))


@pytest.fixture
def first(client: Client, served_card: ModelCard) -> Job:
    """The client's own job on a picture of its own, done."""
    fields: dict[str, Any] = {"model": served_card.repo, "labels": "a cat, a dog"}
    client.post("/playground/", fields | {"picture": upload(photo_bytes(1200, 900))})
    work(served_card)
    return Job.objects.get()


@pytest.fixture
def again(client: Client, first: Job) -> Post:
    """Send the form on the result; keywords change its fields."""

    def post(
        by: Client = client, job: Job = first, headers: Any = None, **changes: Any
    ) -> Response:
        fields = {"model": first.card.repo, "labels": "a cat, a fox", "template": "a photo of {}"}
        return by.post(f"/jobs/{job.pk}/again/", fields | changes, headers=headers)

    return post
