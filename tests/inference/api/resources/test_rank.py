"""POST /v1/rank, its other names, and what it says when something is wrong."""

import itertools
from typing import Any

import httpx
import numpy as np
import pytest

from accounts import credits
from inference.models import Job
from tests.conftest import photo_bytes
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_IMAGE,
    PRICE_TEXT,
    Api,
    data_url,
    eventually,
    in_base64,
    money,
)

PATHS = ["/v1/rank", "/v1/rerank", "/v2/rerank"]
TEXTS = ["a cat", "a dog", "a car"]
PHOTOS = [in_base64(photo_bytes(64, 40 + 8 * number)) for number in range(4)]
DAMAGED = in_base64(photo_bytes()[:200])


def ask(
    api: Api, path: str = "/v1/rank", *, headers: dict[str, str] | None = None, **body: object
) -> httpx.Response:
    request = {"model": api.card.repo, "query": "a cat", "documents": TEXTS}
    return api.http.post(path, json=request | body, headers=headers)


def answer(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


def error(response: httpx.Response, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    details: dict[str, Any] = response.json()["error"]
    return details


def order(ranking: dict[str, Any]) -> list[int]:
    return [result["index"] for result in ranking["results"]]


def scores_by_index(ranking: dict[str, Any]) -> list[float]:
    in_order = sorted(ranking["results"], key=lambda result: result["index"])
    return [result["relevance_score"] for result in in_order]


def cosines(api: Api, query: object, documents: list[Any]) -> list[float]:
    """Of the vectors that /v1/embeddings gives."""
    body = {"model": api.card.repo, "input": [query, *documents]}
    rows = answer(api.http.post("/v1/embeddings", json=body))["data"]
    vectors = np.array([row["embedding"] for row in rows])
    return list(vectors[1:] @ vectors[0])


@pytest.mark.parametrize("path", PATHS)
def test_documents_come_closest_first_under_every_name(api: Api, path: str) -> None:
    ranking = answer(ask(api, path))

    scores = [result["relevance_score"] for result in ranking["results"]]
    assert sorted(order(ranking)) == [0, 1, 2]
    assert scores == sorted(scores, reverse=True)
    assert ranking["results"][0]["relevance_score"] == 1.0
    assert ranking["model"] == api.card.repo


QUERIES = {"text": "a cat", "picture": {"image": PHOTOS[0]}}
DOCUMENTS: dict[str, list[Any]] = {
    "texts": TEXTS,
    "pictures": [{"image": photo} for photo in PHOTOS],
    "one picture": [{"image": PHOTOS[1]}],
    "both": ["a cat", {"image": PHOTOS[1]}, {"text": "a dog"}, {"image_url": data_url()}],
}


@pytest.mark.parametrize(("query", "documents"), list(itertools.product(QUERIES, DOCUMENTS)))
def test_scores_are_the_cosines_of_embeddings(api: Api, query: str, documents: str) -> None:
    ranking = answer(ask(api, query=QUERIES[query], documents=DOCUMENTS[documents]))

    expected = cosines(api, QUERIES[query], DOCUMENTS[documents])
    assert scores_by_index(ranking) == pytest.approx(expected, abs=1e-6)
    assert ranking["usage"]["documents"] == len(DOCUMENTS[documents])


@pytest.mark.parametrize(
    "document",
    [
        data_url(),
        {"image": data_url()},
        {"image": in_base64()},
        {"image_url": data_url()},
        {"image_url": {"url": data_url()}},
        {"type": "image_url", "image_url": {"url": data_url()}},
        {"content": [{"type": "image_url", "image_url": {"url": data_url()}}]},
    ],
)
def test_a_picture_may_be_written_in_every_known_way(api: Api, document: object) -> None:
    by_picture = answer(ask(api, query=document, documents=[document, "a cat"]))

    assert by_picture["usage"]["images"] == 2
    assert order(by_picture)[0] == 0
    assert by_picture["results"][0]["relevance_score"] == 1.0


def test_equal_documents_keep_their_order(api: Api) -> None:
    documents = ["a dog", *["a cat"] * 5, {"text": "a cat"}]

    ranking = answer(ask(api, documents=documents))

    assert order(ranking) == [1, 2, 3, 4, 5, 6, 0]
    assert answer(ask(api, documents=documents))["results"] == ranking["results"]


@pytest.mark.parametrize(("top_n", "count"), [(1, 1), (2, 2), (3, 3), (100, 3), (None, 3)])
def test_as_many_are_answered_as_were_asked_for(api: Api, top_n: int | None, count: int) -> None:
    everything = answer(ask(api))["results"]

    assert answer(ask(api, top_n=top_n))["results"] == everything[:count]


def test_documents_are_repeated_but_no_bytes(api: Api) -> None:
    documents = ["a <b>cat</b>", {"text": "a dog"}, {"image": PHOTOS[1]}]

    ranking = answer(ask(api, documents=documents))

    repeated = {result["index"]: result["document"] for result in ranking["results"]}
    assert repeated == {
        0: {"text": "a <b>cat</b>"},
        1: {"text": "a dog"},
        2: {"width": 64, "height": 48},
    }


def test_documents_are_left_out_where_nobody_wants_them(api: Api) -> None:
    ranking = answer(ask(api, return_documents=False))

    assert all("document" not in result for result in ranking["results"])


def test_texts_beside_pictures_are_warned_of(api: Api) -> None:
    mixed = answer(ask(api, documents=["a cat", {"image": PHOTOS[0]}]))
    pictures = answer(ask(api, documents=[{"image": photo} for photo in PHOTOS]))

    assert "Rank them in separate requests" in mixed["warning"]
    assert "warning" not in pictures


def test_it_costs_what_embedding_the_same_does(api: Api) -> None:
    documents = ["a cat", "a dog", "a dog", *[{"image": photo} for photo in PHOTOS]]

    ranking = answer(ask(api, query="a cat", documents=documents))

    cost = 4 * PRICE_IMAGE + 2 * PRICE_TEXT
    assert money(api.user) == (CREDIT - cost, 0)
    assert ranking["usage"]["cost_usd"] == f"{cost / 1e6:.6f}"
    assert ranking["meta"]["billed_units"] == {"images": 4, "texts": 2}
    again = answer(ask(api, query="a cat", documents=documents))
    assert again["meta"]["billed_units"] == {"images": 4, "texts": 0}
    assert again["usage"]["texts_cached"] == 2
    assert money(api.user) == (CREDIT - cost - 4 * PRICE_IMAGE, 0)


def test_the_most_that_it_may_cost_is_held_until_it_ends(api: Api) -> None:
    api.worker.pause()
    asynchronous = {"Prefer": "respond-async"}

    job = ask(api, documents=["a cat", {"image": PHOTOS[0]}], headers=asynchronous).json()

    assert money(api.user)[1] == PRICE_IMAGE + 2 * PRICE_TEXT
    api.worker.resume()
    eventually(lambda: Job.objects.get().is_final)
    finished = answer(api.http.get(f"/v1/jobs/{job['id']}"))
    assert (finished["kind"], finished["status"]) == ("rank", "succeeded")
    assert order(finished["result"])[0] == 0
    assert money(api.user) == (CREDIT - PRICE_IMAGE - PRICE_TEXT, 0)


def test_without_credit_it_is_refused_before_it_is_queued(api: Api) -> None:
    credits.hold(api.user, amount_micro_usd=CREDIT - 7, reference="else", model="")

    refusal = error(ask(api), 402)

    assert refusal["code"] == "insufficient_credits"
    assert not Job.objects.exists()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no query": ({"query": None}, "query"),
    "a blank query": ({"query": "  "}, "query"),
    "a list of queries": ({"query": ["a cat"]}, "query"),
    "a number for a query": ({"query": 7}, "query"),
    "a query of no kind": ({"query": {"title": "a"}}, "query"),
    "a query with text and picture": ({"query": {"text": "a", "image": PHOTOS[0]}}, "query"),
    "a query that is no picture": ({"query": {"image": "!"}}, "query"),
    "no documents": ({"documents": []}, "documents"),
    "documents that are no list": ({"documents": "a cat"}, "documents"),
    "documents that are null": ({"documents": None}, "documents"),
    "too many documents": ({"documents": ["a"] * 2049}, "documents"),
    "a blank document": ({"documents": ["a", ""]}, "documents[1]"),
    "a number among documents": ({"documents": ["a", 7]}, "documents[1]"),
    "a document of other fields": ({"documents": ["a", {"title": "b"}]}, "documents[1]"),
    "a document that is too long": ({"documents": ["a", "b", "c" * 8193]}, "documents[2]"),
    "a picture that is none": ({"documents": ["a", {"image": "AAAA"}]}, "documents[1]"),
    "a data URL that is no picture": (
        {"documents": ["a", "data:image/png;base64,!!"]},
        "documents[1]",
    ),
    "top_n of zero": ({"top_n": 0}, "top_n"),
    "top_n as a text": ({"top_n": "3"}, "top_n"),
    "return_documents as a text": ({"return_documents": "yes"}, "return_documents"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_and_costs_nothing(api: Api, case: str) -> None:
    body, param = WRONG[case]

    refusal = error(ask(api, **body))

    assert refusal["param"] == param
    assert not Job.objects.exists()
    assert money(api.user) == (CREDIT, 0)


def test_as_many_documents_as_are_allowed_are_ranked(api: Api) -> None:
    ranking = answer(ask(api, documents=[f"text {number}" for number in range(256)]))

    assert len(ranking["results"]) == 256


@pytest.mark.parametrize("index", [0, 2])
def test_a_picture_that_cannot_be_decoded_is_named(api: Api, index: int) -> None:
    documents: list[Any] = [{"image": photo} for photo in PHOTOS[:3]]
    documents[index] = {"image": DAMAGED}

    refusal = error(ask(api, query="a cat", documents=["a dog", *documents]))

    assert (refusal["code"], refusal["param"]) == ("invalid_image", f"documents[{index + 1}]")
    assert refusal["message"].startswith(f"documents[{index + 1}]: ")
    assert money(api.user) == (CREDIT, 0)


def test_a_query_that_cannot_be_decoded_is_named(api: Api) -> None:
    refusal = error(ask(api, query={"image": DAMAGED}))

    assert (refusal["code"], refusal["param"]) == ("invalid_image", "query")


LONG = "word " * 100


def test_cut_texts_are_told_of_by_the_documents_own_indices(api: Api) -> None:
    ranking = answer(ask(api, query=LONG, documents=["a cat", {"image": PHOTOS[0]}, LONG]))

    assert (ranking["query_truncated"], ranking["truncated"]) == (True, [2])
    assert "query, documents[2] are longer than the 77 tokens" in ranking["warning"]


@pytest.mark.parametrize(("query", "param"), [(LONG, "query"), ("a cat", "documents[1]")])
def test_texts_that_may_not_be_cut_are_named(api: Api, query: str, param: str) -> None:
    refusal = error(ask(api, query=query, documents=["a cat", LONG], truncate=False))

    assert (refusal["code"], refusal["param"]) == ("context_length_exceeded", param)


def test_the_same_idempotency_key_gives_the_same_job_once(api: Api) -> None:
    key = {"Idempotency-Key": "one"}

    first, again = answer(ask(api, headers=key)), answer(ask(api, headers=key))

    assert first == again
    assert Job.objects.count() == 1
    assert error(ask(api, headers=key, top_n=1), 422)["code"] == "idempotency_key_reused"


def test_cohere_errors_have_a_message(api: Api) -> None:
    response = ask(api, "/v2/rerank", documents=[])

    assert response.status_code == 400
    assert response.json()["message"] == "There is nothing to work on: the list is empty."
    assert response.json()["param"] == "documents"
    assert api.client().post("/v2/rerank", json={}).status_code == 401
    assert api.client().post("/v2/nothing", json={}).json().keys() >= {"message", "id"}


def test_models_say_that_they_rank(api: Api) -> None:
    [model] = answer(api.http.get("/v1/models"))["data"]

    assert "rerank" in model["gigarouter"]["output_modalities"]
