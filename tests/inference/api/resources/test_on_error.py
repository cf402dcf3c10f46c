"""One bad input among many: it is named, or it is left out and costs nothing."""

from typing import Any

import httpx
import numpy as np
import pytest
from django.test import Client

from accounts.credits import ledger
from inference.models import Job
from tests.conftest import photo_bytes
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_IMAGE,
    PRICE_TEXT,
    Api,
    in_base64,
    money,
)

LABELS = ["a cat", "a dog"]
PHOTO = {"image": in_base64()}
# Found before the job begins, and by its worker.
NOT_BASE64 = {"image": "no base64!"}
NO_PICTURE = {"image": in_base64(b"no picture")}
DAMAGED = {"image": in_base64(photo_bytes(200, 200, kind="PNG")[:600])}
BAD = {"not base64": NOT_BASE64, "no picture": NO_PICTURE, "damaged": DAMAGED}


def embed(api: Api, **body: object) -> httpx.Response:
    return api.http.post("/v1/embeddings", json={"model": api.card.repo} | body)


def classify(api: Api, **body: object) -> httpx.Response:
    request = {"model": api.card.repo, "labels": LABELS}
    return api.http.post("/v1/classify", json=request | body)


def ok(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_among_many_is_named(api: Api, name: str) -> None:
    items = [PHOTO] * 5 + [BAD[name], PHOTO]

    for response in (embed(api, input=items), classify(api, input=items)):
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "input[5]"
        assert response.json()["error"]["code"] == "invalid_image"
    assert money(api.user) == (CREDIT, 0)


@pytest.mark.parametrize("name", BAD)
def test_skipped_it_leaves_the_others_their_vectors(api: Api, name: str) -> None:
    [expected] = ok(embed(api, input=[PHOTO]))["data"]

    answer = ok(embed(api, input=[PHOTO, BAD[name], "a cat", PHOTO], on_error="skip"))

    first, bad, text, last = answer["data"]
    assert [item["index"] for item in answer["data"]] == [0, 1, 2, 3]
    assert first["embedding"] == last["embedding"] == expected["embedding"]
    assert (bad["embedding"], bad["error"]["code"]) == ([], "invalid_image")
    assert bad["error"]["param"] == "input[1]"
    assert np.linalg.norm(text["embedding"]) == pytest.approx(1, abs=1e-6)
    assert "error" not in first
    assert "input[1]" in answer["warning"]


@pytest.mark.parametrize("name", BAD)
def test_skipped_it_costs_nothing(api: Api, name: str) -> None:
    answer = ok(classify(api, input=[PHOTO, BAD[name], PHOTO], on_error="skip"))

    first, bad, last = answer["data"]
    assert first["predictions"] == last["predictions"]
    assert (bad["prediction"], bad["predictions"]) == (None, [])
    assert bad["error"]["code"] == "invalid_image"
    cost = 2 * PRICE_IMAGE + 2 * PRICE_TEXT
    assert (answer["usage"]["images"], answer["usage"]["cost_usd"]) == (2, f"{cost / 1e6:.6f}")
    assert money(api.user) == (CREDIT - cost, 0)
    assert ledger.check().differences == ()


@pytest.mark.parametrize("name", BAD)
def test_if_no_input_is_left_the_call_fails(api: Api, name: str) -> None:
    response = embed(api, input=[BAD[name]] * 2, on_error="skip")

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_image"
    assert response.json()["error"]["param"] == "input[0]"
    assert money(api.user) == (CREDIT, 0)


def test_texts_are_skipped_as_well(api: Api) -> None:
    answer = ok(embed(api, input=["a cat", "", "x" * 9000], on_error="skip"))

    assert [bool(item["embedding"]) for item in answer["data"]] == [True, False, False]
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_in_base64_an_empty_string_stands_for_it(api: Api) -> None:
    """OpenAI's clients make an empty vector of it, and would break at null."""
    answer = ok(embed(api, input=["a cat", NO_PICTURE], on_error="skip", encoding_format="base64"))

    assert answer["data"][1]["embedding"] == ""


def test_the_job_and_its_page_show_it(api: Api, client: Client) -> None:
    client.force_login(api.user)
    ok(classify(api, input=[DAMAGED, PHOTO, NO_PICTURE], on_error="skip"))
    ok(embed(api, input=[DAMAGED, PHOTO, NO_PICTURE], on_error="skip"))

    for job in Job.objects.all():
        described = api.http.get(f"/v1/jobs/{job.pk}").json()
        assert [("error" in item) for item in described["result"]["data"]] == [True, False, True]
        assert client.get(f"/jobs/{job.pk}/").status_code == 200


def test_too_many_urls_are_refused_all_the_same(api: Api) -> None:
    items = [{"image": f"https://example.com/{number}.jpg"} for number in range(33)]

    response = embed(api, input=items, on_error="skip")

    assert response.json()["error"]["code"] == "too_many_image_urls"


def test_a_ranking_needs_all_its_documents(api: Api) -> None:
    body = {"model": api.card.repo, "query": "a", "documents": ["a"], "on_error": "skip"}

    response = api.http.post("/v1/rank", json=body)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "on_error"
