"""The openai package for Python, as its users call it."""

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import openai
import pytest
from django.core.cache import cache
from pytest_django import Settings

from catalog.models import Stage
from inference.models import Job
from tests.conftest import PRICED, make_card, photo_bytes
from tests.inference.api.clients.table import OPENAI_PY, compatible
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_TEXT,
    Api,
    data_url,
    eventually,
    in_base64,
    make_caller,
    money,
)

ClientOf = Callable[[str], openai.OpenAI]
Json = dict[str, Any]  # what the client returns for an address that it has no class for

NOBODYS = "gr_live_" + "x" * 49


@pytest.fixture
def client_of(api: Api) -> Iterator[ClientOf]:
    """Clients by their key; closed at the end."""
    with ExitStack() as opened:
        yield lambda secret: opened.enter_context(
            openai.OpenAI(base_url=f"{api.base_url}/v1", api_key=secret)
        )


@pytest.fixture
def client(api: Api, client_of: ClientOf) -> openai.OpenAI:
    return client_of(api.secret)


@compatible(OPENAI_PY, "GET /v1/models", "list")
def test_models_are_listed_with_what_we_add(api: Api, client: openai.OpenAI) -> None:
    make_card("laion/not-yet", stage=Stage.REQUESTED)

    [model] = client.models.list()

    assert (model.id, model.object, model.owned_by) == (api.card.repo, "model", "openai")
    assert isinstance(model.created, int)
    details = model.gigarouter  # type: ignore[attr-defined]  # extra fields become attributes
    assert details["pricing"]["image"] == "0.000094"


@compatible(OPENAI_PY, "GET /v1/models", "list, all")
def test_all_models_are_listed_on_request(client: openai.OpenAI) -> None:
    make_card("laion/not-yet", stage=Stage.REQUESTED)

    models = client.models.list(extra_query={"status": "all"})

    assert "laion/not-yet" in {model.id for model in models}


@compatible(OPENAI_PY, "GET /v1/models/{id}", "retrieve")
@pytest.mark.parametrize(
    "name",
    ["openai/clip-vit-base-patch32", "clip-vit-base-patch32", "OpenAI/CLIP-ViT-Base-Patch32"],
)
def test_a_model_is_retrieved_by_any_of_its_names(
    api: Api, client: openai.OpenAI, name: str
) -> None:
    assert client.models.retrieve(name).id == api.card.repo


@compatible(OPENAI_PY, "POST /v1/embeddings", "texts, base64 by default")
def test_embeddings_come_as_base64_and_are_floats_in_the_end(
    api: Api, client: openai.OpenAI
) -> None:
    raw = client.embeddings.with_raw_response.create(model=api.card.repo, input="a cat")
    request_body = raw.http_request.read()

    answer = raw.parse()

    assert b'"encoding_format":"base64"' in request_body
    assert isinstance(raw.http_response.json()["data"][0]["embedding"], str)
    assert len(answer.data[0].embedding) == 8
    assert np.linalg.norm(answer.data[0].embedding) == pytest.approx(1, abs=1e-6)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0


@compatible(OPENAI_PY, "POST /v1/embeddings", "floats")
def test_floats_and_base64_are_the_same_numbers(api: Api, client: openai.OpenAI) -> None:
    model, texts = api.card.repo, ["a cat", "a dog"]

    floats = client.embeddings.create(model=model, input=texts, encoding_format="float")
    packed = client.embeddings.create(model=model, input=texts, encoding_format="base64")

    assert [item.index for item in floats.data] == [0, 1]
    for here, there in zip(floats.data, packed.data, strict=True):
        bytes_ = base64.b64decode(there.embedding)  # type: ignore[arg-type]  # asked for
        assert np.allclose(np.frombuffer(bytes_, "<f4"), here.embedding)


@compatible(OPENAI_PY, "POST /v1/embeddings", "pictures")
@pytest.mark.parametrize(
    "picture",
    [
        {"image": data_url()},
        {"image": in_base64()},
        {"content": [{"type": "image_url", "image_url": {"url": data_url()}}]},
    ],
    ids=["data URL", "base64", "blocks"],
)
def test_pictures_are_embedded_beside_texts(
    api: Api, client: openai.OpenAI, picture: dict[str, object]
) -> None:
    answer = client.embeddings.create(
        model=api.card.repo,
        input=[picture, "a cat"],  # type: ignore[arg-type]  # goes through untouched
    )

    assert [len(item.embedding) for item in answer.data] == [8, 8]
    assert answer.usage.images == 1  # type: ignore[attr-defined]


@compatible(OPENAI_PY, "POST /v1/embeddings", "pictures")
def test_a_picture_may_be_a_bare_string_if_the_body_says_so(
    api: Api, client: openai.OpenAI
) -> None:
    answer = client.embeddings.create(
        model=api.card.repo, input=data_url(), extra_body={"modality": "image"}
    )

    assert answer.usage.images == 1  # type: ignore[attr-defined]


@compatible(OPENAI_PY, "POST /v1/classify", "by client.post")
def test_classify_is_reached_by_post(api: Api, client: openai.OpenAI) -> None:
    answer = classify(client, api, labels=["a cat", "a dog"])

    [item] = answer["data"]
    assert item["object"] == "classification"
    assert {prediction["label"] for prediction in item["predictions"]} == {"a cat", "a dog"}
    assert item["prediction"] == item["predictions"][0]["label"]
    assert answer["usage"]["images"] == 1
    assert answer["usage"]["labels"] == 2


def classify(client: openai.OpenAI, api: Api, **body: object) -> Json:
    request: Json = {"model": api.card.repo, "input": [{"image": in_base64()}]}
    return client.post("/classify", cast_to=Json, body=request | body)


@compatible(OPENAI_PY, "Prefer: respond-async", "a job, read until it ends")
def test_a_job_is_made_and_read_until_it_ends(api: Api, client: openai.OpenAI) -> None:
    api.worker.pause()
    job = make_job(client, api)
    assert job["status"] == "queued"
    api.worker.resume()

    while job["status"] in {"queued", "running"}:
        time.sleep(0.05)
        job = client.get(f"/jobs/{job['id']}", cast_to=Json)

    assert job["status"] == "succeeded"
    assert len(job["result"]["data"][0]["embedding"]) == 8
    assert money(api.user)[1] == 0


@compatible(OPENAI_PY, "POST /v1/jobs/{id}/cancel", "cancel")
def test_a_job_is_cancelled(api: Api, client: openai.OpenAI) -> None:
    api.worker.pause()
    before = money(api.user)
    job = make_job(client, api)

    after = client.post(f"/jobs/{job['id']}/cancel", cast_to=Json)

    assert after["status"] == "canceled"
    assert money(api.user) == before


def make_job(client: openai.OpenAI, api: Api) -> Json:
    return client.post(
        "/embeddings",
        cast_to=Json,
        body={"model": api.card.repo, "input": "a cat"},
        options={"headers": {"Prefer": "respond-async"}},
    )


def embed(client: openai.OpenAI, model: str, **options: object) -> object:
    request: Json = {"model": model, "input": "a cat"}
    return client.embeddings.create(**(request | options))


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client slept between attempts; no time passes."""
    slept: list[float] = []
    sleep_by(monkeypatch, slept.append)
    return slept


def sleep_by(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]) -> None:
    """Only the client's sleep: the server's threads share the real module."""
    monkeypatch.setattr(
        "openai._base_client.time", SimpleNamespace(**(vars(time) | {"sleep": sleep}))
    )


@compatible(OPENAI_PY, "errors", "404 model_not_live is NotFoundError, not retried")
def test_a_coming_model_is_not_found_and_not_asked_for_again(
    api: Api, client: openai.OpenAI, attempts: list[float]
) -> None:
    make_card("laion/not-yet", stage=Stage.REQUESTED)

    with pytest.raises(openai.NotFoundError) as caught:
        embed(client, "laion/not-yet")

    error = caught.value
    assert (error.code, error.param, error.type) == (
        "model_not_live",
        "model",
        "invalid_request_error",
    )
    assert error.body["metadata"]["status"] == "coming_soon"  # type: ignore[index]
    assert error.body["metadata"]["vote_url"].endswith("/vote/")  # type: ignore[index]
    assert error.request_id == error.response.headers["x-request-id"]
    assert attempts == []


@compatible(OPENAI_PY, "errors", "404 model_not_found is NotFoundError, with did_you_mean")
def test_an_unknown_model_is_not_found_with_a_hint(api: Api, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        embed(client, "openai/clip-vit-base-patch23")

    assert caught.value.code == "model_not_found"
    assert api.card.repo in caught.value.body["metadata"]["did_you_mean"]  # type: ignore[index]


@compatible(OPENAI_PY, "errors", "410 model_retired is APIStatusError, not retried")
def test_a_retired_model_is_gone(api: Api, client: openai.OpenAI, attempts: list[float]) -> None:
    make_card("laion/was-here", stage=Stage.RETIRED)

    with pytest.raises(openai.APIStatusError) as caught:
        embed(client, "laion/was-here")

    assert type(caught.value) is openai.APIStatusError
    assert (caught.value.status_code, caught.value.code) == (410, "model_retired")
    assert attempts == []


@compatible(OPENAI_PY, "errors", "401 is AuthenticationError")
@pytest.mark.parametrize("secret", [NOBODYS, "sk-something"])
def test_a_bad_key_is_an_authentication_error(client_of: ClientOf, secret: str) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        client_of(secret).models.list()

    assert caught.value.code == "invalid_api_key"


@compatible(OPENAI_PY, "errors", "400 is BadRequestError")
@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": "a cat", "dimensions": 4}, "dimensions"),
        ({"input": "a cat", "encoding_format": "int8"}, "encoding_format"),
        ({"input": [{"image": "bm8gcGljdHVyZQ=="}]}, "input[0]"),
    ],
)
def test_what_cannot_be_used_is_a_bad_request(
    api: Api, client: openai.OpenAI, body: dict[str, object], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        embed(client, api.card.repo, **body)

    assert caught.value.param == param


@compatible(OPENAI_PY, "errors", "413 is APIStatusError, not retried")
def test_too_large_a_picture_is_refused_once(
    api: Api, client: openai.OpenAI, attempts: list[float]
) -> None:
    large = photo_bytes() + b"\0" * (10 * 1024 * 1024)

    with pytest.raises(openai.APIStatusError) as caught:
        classify(client, api, input=[{"image": in_base64(large)}], labels=["a cat", "a dog"])

    assert (caught.value.status_code, caught.value.code) == (413, "image_too_large")
    assert attempts == []


@compatible(OPENAI_PY, "errors", "402 is APIStatusError, not retried")
def test_without_credit_there_is_no_second_attempt(
    api: Api, client_of: ClientOf, attempts: list[float]
) -> None:
    _, _, secret = make_caller("poor@lab.example", micro_usd=0)

    with pytest.raises(openai.APIStatusError) as caught:
        embed(client_of(secret), api.card.repo)

    assert type(caught.value) is openai.APIStatusError
    assert (caught.value.status_code, caught.value.code) == (402, "insufficient_credits")
    assert attempts == []
    assert Job.objects.count() == 0


@compatible(OPENAI_PY, "errors", "429 is RateLimitError, retried after Retry-After")
@pytest.mark.usefixtures("one_window")
def test_the_rate_limit_is_met_after_waiting_as_told(
    api: Api, client: openai.OpenAI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_SUBMITS_PER_MINUTE = 1
    embed(client, api.card.repo)
    with pytest.raises(openai.RateLimitError) as caught:
        embed(client.with_options(max_retries=0), api.card.repo)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        cache.clear()  # the minute is over

    sleep_by(monkeypatch, sleep)
    embed(client, api.card.repo)

    told_s = int(caught.value.response.headers["retry-after"])
    assert 1 <= told_s <= 60
    assert len(slept) == 1
    assert 0 < slept[0] <= 60
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"


@compatible(OPENAI_PY, "errors", "503 model_warming is InternalServerError, retried twice")
def test_a_model_without_a_worker_is_asked_for_three_times(
    api: Api, client: openai.OpenAI, attempts: list[float]
) -> None:
    cold = make_card("openai/cold", stage=Stage.LIVE, **PRICED)

    with pytest.raises(openai.InternalServerError) as caught:
        embed(client, cold.repo)

    assert caught.value.code == "model_warming"
    told_s = int(caught.value.response.headers["retry-after"])
    assert 5 <= told_s <= 20
    assert attempts == [told_s, told_s]


@compatible(OPENAI_PY, "errors", "409 of an Idempotency-Key in flight, retried until it is done")
def test_a_call_under_way_is_asked_for_again_and_done_once(
    api: Api, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call() -> object:
        return embed(client, api.card.repo, extra_headers={"Idempotency-Key": "one"})

    slept: list[float] = []

    def sleep(seconds: float) -> None:
        """The other call ends while this one waits."""
        slept.append(seconds)
        api.worker.resume()
        other.join(timeout=20)

    sleep_by(monkeypatch, sleep)
    api.worker.pause()
    other = Thread(target=call)
    other.start()
    eventually(Job.objects.exists)

    answer = call()

    assert len(slept) == 1
    assert len(answer.data) == 1  # type: ignore[attr-defined]
    assert Job.objects.count() == 1
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


@compatible(OPENAI_PY, "POST /v1/embeddings", "AsyncOpenAI")
def test_the_asynchronous_client_works_alike(api: Api) -> None:
    async def dimensions() -> int:
        async with openai.AsyncOpenAI(base_url=f"{api.base_url}/v1", api_key=api.secret) as client:
            answer = await client.embeddings.create(model=api.card.repo, input="a cat")
            return len(answer.data[0].embedding)

    assert asyncio.run(dimensions()) == 8
