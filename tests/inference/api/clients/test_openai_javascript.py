"""The openai package for JavaScript; its side of each case stands in tests/js/openai_cases.mjs."""

from functools import partial

import pytest
from pytest_django import Settings

from catalog.models import Stage
from tests.conftest import PRICED, make_card
from tests.inference.api.clients.conftest import Outcome, Run
from tests.inference.api.clients.table import OPENAI_JS, compatible
from tests.inference.api.conftest import Api, make_caller, money

FILE = "openai_cases.mjs"


@pytest.fixture
def run(run_js: Run) -> Run:
    return partial(run_js, FILE)


@compatible(OPENAI_JS, "GET /v1/models", "list")
def test_models_are_listed(api: Api, run: Run) -> None:
    make_card("laion/not-yet", stage=Stage.REQUESTED)

    [model] = run("list").value

    assert model["id"] == api.card.repo
    assert model["gigarouter"]["pricing"]["image"] == "0.000094"


@compatible(OPENAI_JS, "GET /v1/models/{id}", "retrieve")
@pytest.mark.parametrize("name", ["openai/clip-vit-base-patch32", "clip-vit-base-patch32"])
def test_a_model_is_retrieved(api: Api, run: Run, name: str) -> None:
    assert run("retrieve", NAME=name).value["id"] == api.card.repo


@compatible(OPENAI_JS, "POST /v1/embeddings", "texts, base64 by default")
@compatible(OPENAI_JS, "POST /v1/embeddings", "floats")
def test_base64_and_floats_are_the_same_numbers(run: Run) -> None:
    packed, floats = run("embed").value, run("embedFloats").value

    assert [item["index"] for item in packed["data"]] == [0, 1]
    for here, there in zip(packed["data"], floats["data"], strict=True):
        assert here["embedding"] == pytest.approx(there["embedding"])


@compatible(OPENAI_JS, "POST /v1/embeddings", "pictures")
def test_a_picture_is_embedded_beside_a_text(run: Run) -> None:
    answer = run("embedPicture").value

    assert [len(item["embedding"]) for item in answer["data"]] == [8, 8]
    assert answer["usage"]["images"] == 1


@compatible(OPENAI_JS, "POST /v1/classify", "by client.post")
def test_classify_is_reached_by_post(run: Run) -> None:
    [item] = run("classify").value["data"]

    assert {prediction["label"] for prediction in item["predictions"]} == {"a cat", "a dog"}


@compatible(OPENAI_JS, "Prefer: respond-async", "a job, read until it ends")
def test_a_job_is_made_and_read_until_it_ends(run: Run) -> None:
    job = run("job").value

    assert job["status"] == "succeeded"
    assert len(job["result"]["data"][0]["embedding"]) == 8


@compatible(OPENAI_JS, "POST /v1/jobs/{id}/cancel", "cancel")
def test_a_job_is_cancelled(api: Api, run: Run) -> None:
    api.worker.pause()
    before = money(api.user)

    assert run("cancel").value["status"] == "canceled"
    assert money(api.user) == before


def assert_refused(outcome: Outcome, kind: str, status: int, code: str) -> None:
    error = outcome.error["kind"], outcome.error["status"], outcome.error["code"]
    assert error == (kind, status, code)
    assert outcome.error["requestID"].startswith("req_")


@compatible(OPENAI_JS, "errors", "404 model_not_live is NotFoundError, not retried")
def test_a_coming_model_is_not_asked_for_again(run: Run) -> None:
    make_card("laion/not-yet", stage=Stage.REQUESTED)

    outcome = run("embed", NAME="laion/not-yet")

    assert_refused(outcome, "NotFoundError", 404, "model_not_live")
    assert outcome.statuses == [404]


@compatible(OPENAI_JS, "errors", "401 is AuthenticationError")
def test_a_bad_key_is_an_authentication_error(run: Run) -> None:
    outcome = run("list", API_KEY="gr_live_" + "x" * 49)

    assert_refused(outcome, "AuthenticationError", 401, "invalid_api_key")


@compatible(OPENAI_JS, "errors", "400 is BadRequestError")
def test_nothing_to_embed_is_a_bad_request(run: Run) -> None:
    outcome = run("embedNothing")

    assert_refused(outcome, "BadRequestError", 400, "invalid_request")
    assert outcome.error["param"] == "input"


@compatible(OPENAI_JS, "errors", "402 is APIError, not retried")
def test_without_credit_there_is_no_second_attempt(run: Run) -> None:
    _, _, secret = make_caller("poor@lab.example", micro_usd=0)

    outcome = run("embed", API_KEY=secret)

    assert_refused(outcome, "APIError", 402, "insufficient_credits")
    assert outcome.statuses == [402]


@compatible(OPENAI_JS, "errors", "429 is RateLimitError, retried after Retry-After")
def test_the_rate_limit_is_tried_three_times_with_the_pauses_told(
    api: Api, run: Run, settings: Settings
) -> None:
    settings.API_SUBMITS_PER_MINUTE = 0

    outcome = run("embed")

    assert_refused(outcome, "RateLimitError", 429, "rate_limit_exceeded")
    assert outcome.statuses == [429, 429, 429]
    assert all(1 <= pause_s <= 60 and pause_s == int(pause_s) for pause_s in outcome.pauses)
    assert len(outcome.pauses) == 2


@compatible(OPENAI_JS, "errors", "503 model_warming is InternalServerError, retried twice")
def test_a_model_without_a_worker_is_asked_for_three_times(run: Run) -> None:
    make_card("openai/cold", stage=Stage.LIVE, **PRICED)

    outcome = run("embed", NAME="openai/cold")

    assert_refused(outcome, "InternalServerError", 503, "model_warming")
    assert outcome.statuses == [503, 503, 503]
    assert all(5 <= pause_s <= 20 for pause_s in outcome.pauses)
