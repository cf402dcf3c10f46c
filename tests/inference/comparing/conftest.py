"""Two served models, and a form that compares them."""

import html
import io
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from catalog.models import ModelCard
from inference.models import Comparison, Worker
from tests.conftest import make_card, photo_bytes
from tests.support.http.responses import Response

Start = Callable[..., Response]


def upload(data: bytes | None = None, name: str = "photo.jpg") -> io.BytesIO:
    file = io.BytesIO(photo_bytes() if data is None else data)
    file.name = name
    return file


@pytest.fixture
def cards(db: None) -> list[ModelCard]:
    """Served by one worker."""
    cards = [make_card("openai/first"), make_card("openai/second")]
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo for card in cards])
    return cards


@pytest.fixture
def fields(cards: list[ModelCard]) -> dict[str, Any]:
    return {
        "labels": "a cat, a dog",
        "template": "a photo of {}",
        "model_1": cards[0].repo,
        "prompts_1": "one",
        "model_2": cards[1].repo,
        "prompts_2": "one",
    }


@pytest.fixture
def start(client: Client, fields: dict[str, Any]) -> Start:
    """Send the form, by default with one photo; keywords change its fields, None leaves one out."""

    def post(by: Client = client, **changes: Any) -> Response:
        sent = fields | {"photos": upload(), "idempotency_key": uuid.uuid4().hex} | changes
        return by.post("/try/compare/", {k: v for k, v in sent.items() if v is not None})

    return post


def started(response: Response) -> Comparison:
    assert response.status_code == 302, sentences(response)
    return Comparison.objects.get(pk=response["Location"].split("/")[3])


def sentences(response: Response) -> str:
    """The page as text for comparisons: without line breaks and entities."""
    return html.unescape(re.sub(r"\s+", " ", response.content.decode()))
