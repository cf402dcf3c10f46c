"""What OpenRouter's SDK reads: by its schemas, as of @openrouter/sdk 1.3.19."""

from typing import Any

import httpx
import pytest

from accounts import keys
from tests.inference.api.conftest import CREDIT, PRICE_TEXT, Api, data_url

SDK = {"User-Agent": "speakeasy-sdk/typescript 1.3.19 2.914.0 1.0.0 @openrouter/sdk"}


def error(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    details: dict[str, Any] = response.json()["error"]
    return details


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/nothing", "/embeddings"])
def test_its_errors_have_a_number_for_a_code(api: Api, path: str) -> None:
    response = api.http.post(path, json={"model": "no/such", "input": "a"}, headers=SDK)

    refusal = error(response, 404)
    assert refusal["code"] == 404
    assert isinstance(refusal["metadata"]["error_code"], str)
    assert refusal["metadata"]["request_id"] == response.headers["x-request-id"]


def test_other_clients_errors_have_openai_s(api: Api) -> None:
    response = api.http.post("/v1/embeddings", json={"model": "no/such", "input": "a"})

    assert error(response, 404)["code"] == "model_not_found"


def test_its_blocks_are_embedded_and_the_cost_is_a_number(api: Api) -> None:
    blocks = [{"content": [{"type": "image_url", "image_url": {"url": data_url()}}]}]

    answer = api.http.post(
        "/v1/embeddings", json={"model": api.card.repo, "input": blocks}, headers=SDK
    ).json()

    assert answer["usage"]["cost"] == 0.000094
    assert answer["usage"]["cost_usd"] == "0.000094"


def test_credits_are_what_was_added_and_what_was_used(api: Api) -> None:
    api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a"})

    answer = api.http.get("/v1/credits", headers=SDK).json()["data"]

    assert answer == {"total_credits": CREDIT / 1e6, "total_usage": PRICE_TEXT / 1e6}


def test_a_key_says_what_it_has_spent_and_may(api: Api) -> None:
    _, secret = keys.issue(api.user, name="limited", limit_micro_usd=1000)
    limited = api.client(secret)
    limited.post("/v1/embeddings", json={"model": api.card.repo, "input": "a"})

    key = limited.get("/v1/key").json()["data"]

    assert key["limit"] == 0.001
    assert key["free_model_daily_requests"] == {"limit": 0, "remaining": 0, "used": 0}
    assert key["usage"] == PRICE_TEXT / 1e6
    assert key["limit_remaining"] == pytest.approx(0.001 - PRICE_TEXT / 1e6)
    assert api.http.get("/v1/key").json()["data"]["limit"] is None


def test_a_model_has_what_the_sdk_requires(api: Api) -> None:
    listed = api.http.get("/v1/embeddings/models", headers=SDK).json()

    [model] = listed["data"]
    assert (listed["total_count"], listed["links"]) == (1, {"next": None})
    assert model["canonical_slug"] == model["id"] == api.card.repo
    assert model["architecture"]["input_modalities"] == ["text", "image"]
    assert model["pricing"]["image"] == "0.000094"
    # 8 µ$ for a text of 77 tokens: the price of models launched before tokens had one.
    assert model["pricing"]["prompt"] == "0.000000103"
    assert model == api.http.get("/v1/models").json()["data"][0]


@pytest.mark.parametrize("path", ["/v1/credits", "/v1/key"])
def test_a_stranger_is_refused(api: Api, path: str) -> None:
    error(api.client().get(path), 401)
