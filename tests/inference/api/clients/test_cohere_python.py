"""cohere's package for Python, and Jina's request, as their users rerank with them."""

from collections.abc import Iterator

import cohere
import pytest
from cohere.errors import BadRequestError, NotFoundError, UnauthorizedError

from inference.models import Job
from tests.conftest import photo_bytes
from tests.inference.api.clients.table import COHERE_PY, compatible
from tests.inference.api.conftest import Api, data_url

TEXTS = ["a dog", "a cat", "a car"]
PHOTOS = [data_url(photo_bytes(64, 40 + 8 * number)) for number in range(3)]


@pytest.fixture
def client(api: Api) -> Iterator[cohere.ClientV2]:
    with cohere.ClientV2(base_url=api.base_url, api_key=api.secret) as opened:
        yield opened


@compatible(COHERE_PY, "POST /v2/rerank", "texts")
def test_texts_are_reranked(api: Api, client: cohere.ClientV2) -> None:
    answer = client.rerank(model=api.card.repo, query="a cat", documents=TEXTS, top_n=2)

    assert len(answer.results) == 2
    assert (answer.results[0].index, answer.results[0].relevance_score) == (1, 1.0)
    assert answer.id == f"rank_{Job.objects.get().pk.hex}"


@compatible(COHERE_PY, "POST /v2/rerank", "pictures, as data URLs")
def test_pictures_are_reranked(api: Api, client: cohere.ClientV2) -> None:
    answer = client.rerank(model=api.card.repo, query=PHOTOS[2], documents=PHOTOS)

    assert answer.results[0].index == 2
    assert answer.meta
    assert answer.meta.billed_units
    assert answer.meta.billed_units.images == 4


@compatible(COHERE_PY, "POST /v1/rerank", "return_documents")
def test_the_old_client_gets_its_documents_back(api: Api) -> None:
    with cohere.Client(base_url=api.base_url, api_key=api.secret) as client:
        answer = client.rerank(
            model=api.card.repo,
            query="a cat",
            documents=[{"text": text} for text in TEXTS],
            return_documents=True,
        )

    assert answer.results[0].document
    assert answer.results[0].document.text == "a cat"


@compatible(COHERE_PY, "errors", "400 is BadRequestError, 401 and 404 likewise")
def test_errors_are_those_of_the_client(api: Api, client: cohere.ClientV2) -> None:
    with pytest.raises(BadRequestError) as bad:
        client.rerank(model=api.card.repo, query="a cat", documents=[])
    with pytest.raises(NotFoundError):
        client.rerank(model="nobody/nothing", query="a cat", documents=TEXTS)
    stranger = cohere.ClientV2(base_url=api.base_url, api_key="gr_live_nobody")
    with stranger, pytest.raises(UnauthorizedError):
        stranger.rerank(model=api.card.repo, query="a cat", documents=TEXTS)

    assert bad.value.body["message"] == "There is nothing to work on: the list is empty."


def test_a_request_in_jinas_shape_is_answered_in_theirs(api: Api) -> None:
    body = {
        "model": api.card.repo,
        "query": {"text": "a cat"},
        "documents": [{"text": text} for text in TEXTS] + [{"image": PHOTOS[0]}],
        "top_n": 3,
        "return_documents": True,
    }

    answer = api.http.post("/v1/rerank", json=body).json()

    assert answer["usage"]["total_tokens"] > 0
    assert answer["results"][0] == {
        "index": 1,
        "relevance_score": 1.0,
        "document": {"text": "a cat"},
    }
