"""What becomes of texts: as they were sent, read without controls, and told of where cut."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.test import Client

from inference.kinds.classify import request as classify
from inference.models import ErrorCode, IdempotentCall, Job
from tests.fakes.encoder import CONTEXT_LENGTH
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_TEXT,
    Api,
    data_url,
    eventually,
    in_base64,
    money,
)

LONG = "cat " * (CONTEXT_LENGTH + 1)
FITS = "cat " * CONTEXT_LENGTH
# The fake reads a word as a token; a template's words count, too.
TEMPLATE = "{}"


def classify_by(api: Api, labels: list[str], **body: object) -> httpx.Response:
    request = {
        "model": api.card.repo,
        "input": [{"image": data_url()}],
        "labels": labels,
        "hypothesis_template": TEMPLATE,
    }
    return api.http.post("/v1/classify", json=request | body)


def embed(api: Api, inputs: object, **body: object) -> httpx.Response:
    return api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": inputs} | body)


def ok(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


@pytest.mark.parametrize(
    "label",
    [
        " a  cat ",
        "A CAT",
        "cafe\u0301",
        "caf\u00e9",
        "👩\u200d🚀",
        "می\u200cخواهم",
        "❤\ufe0f",
        "🏴\U000e0067\U000e0062\U000e007f",
        "a\u00a0cat",
        "a\u0007cat\u001b[31m",
        "right\u200fto left\u202e",
        "<b>&amp;</b>",
        "{}",
        "\ue000",
        "ﬁ",
    ],
)
def test_labels_come_back_as_they_were_sent(api: Api, label: str) -> None:
    answer = ok(classify_by(api, [label, "another"]))

    assert label in [prediction["label"] for prediction in answer["data"][0]["predictions"]]


def test_labels_that_differ_in_anything_are_two_labels(api: Api) -> None:
    labels = ["a cat", "a  cat", "A cat", "caf\u00e9", "cafe\u0301", "❤", "❤\ufe0f"]

    answer = ok(classify_by(api, labels))

    predictions = answer["data"][0]["predictions"]
    assert sorted(prediction["label"] for prediction in predictions) == sorted(labels)
    refused = classify_by(api, ["a  cat", "a cat", "a  cat"])
    assert refused.json()["error"]["message"] == "The label 'a  cat' is there twice."


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"),
        ("a\u2060b", "a\u2060b"),
        (" a  cat ", " a  cat "),
        ("a\tcat\n", "a\tcat\n"),
        ("a\u0007c\u0001at\u007f", "acat"),
        ("a \u001b[31mred\u001b[0m cat", "a red cat"),
        ("\u0093quoted\u0094", "“quoted”"),
        ("a\u0081cat", "acat"),
    ],
)
def test_joiners_reach_the_model_and_controls_do_not(api: Api, typed: str, read: str) -> None:
    ok(classify_by(api, [typed, "another"]))
    ok(embed(api, typed))

    classified, embedded = Job.objects.order_by("created_at")
    assert classify.prompts(classified)[0] == read
    assert api.worker.encoder.texts.count(read) == 1  # the embedding found it cached
    assert embedded.text_inputs == [typed]


@pytest.mark.parametrize("text", ["\u200b", "\u0007 ", "\u00a0"])
def test_texts_with_nothing_to_see_are_refused(api: Api, text: str) -> None:
    assert classify_by(api, ["a", text]).json()["error"]["param"] == "labels[1]"
    assert embed(api, ["a", text]).json()["error"]["param"] == "input[1]"


def test_a_text_of_endless_marks_is_refused_by_name(api: Api) -> None:
    fine, endless = "a" + "\u0301" * 100, "a" + "\u0301" * 101

    ok(embed(api, fine))
    error = embed(api, [fine, endless]).json()["error"]

    assert error["param"] == "input[1]"
    assert "combining marks" in error["message"]


def test_cut_texts_are_told_of(api: Api) -> None:
    answer = ok(embed(api, [FITS, {"image": in_base64()}, LONG, "a cat", LONG + "dog"]))

    assert answer["truncated"] == [2, 4]
    assert answer["warning"].startswith("input[2], input[4] are longer than the 77 tokens")
    assert answer["usage"]["prompt_tokens"] == 3 * CONTEXT_LENGTH + 2


def test_cut_labels_are_told_of(api: Api) -> None:
    response = classify_by(api, ["a cat", LONG])

    answer = ok(response)
    assert answer["truncated"] == [1]
    assert answer["warning"].startswith("labels[1] is longer than the 77 tokens")
    assert response.headers["x-warning"] == answer["warning"]
    assert answer["usage"]["prompt_tokens"] == CONTEXT_LENGTH + 2


def test_two_warnings_stand_side_by_side(api: Api) -> None:
    warning = ok(classify_by(api, [LONG]))["warning"]

    assert "always 1" in warning
    assert "labels[0]" in warning


def test_texts_that_fit_bring_no_warning(api: Api) -> None:
    response = embed(api, [FITS], truncate=False)

    assert ok(response)["truncated"] == []
    assert "warning" not in response.json()
    assert "x-warning" not in response.headers


def embed_long(api: Api, **headers: str) -> httpx.Response:
    body = {"model": api.card.repo, "input": ["a cat", LONG, LONG], "truncate": False}
    return api.http.post("/v1/embeddings", json=body, headers=headers)


def classify_long(api: Api) -> httpx.Response:
    return classify_by(api, ["a cat", LONG], truncate=False)


@pytest.mark.parametrize(
    ("ask", "param", "indices"),
    [(embed_long, "input[1]", [1, 2]), (classify_long, "labels[1]", [1])],
)
def test_texts_that_may_not_be_cut_are_refused_and_free(
    api: Api, ask: Callable[[Api], httpx.Response], param: str, indices: list[int]
) -> None:
    response = ask(api)

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "context_length_exceeded")
    assert (error["param"], error["metadata"]) == (param, {"truncated": indices})
    assert param in error["message"]
    assert money(api.user) == (CREDIT, 0)
    assert api.worker.encoder.texts == []
    assert Job.objects.get().error_code == ErrorCode.CONTEXT_LENGTH_EXCEEDED


def test_a_refused_text_is_in_the_job_and_on_its_page(api: Api, client: Client) -> None:
    embed_long(api)
    job = Job.objects.get()
    client.force_login(api.user)

    described = api.http.get(f"/v1/jobs/{job.pk}").json()
    page = client.get(job.get_absolute_url()).content.decode()

    assert (described["status"], described["result"]) == ("failed", None)
    assert described["error"]["metadata"] == {"truncated": [1, 2]}
    assert "A text is longer than the model reads" in page


def test_a_key_is_free_again_after_a_refusal(api: Api) -> None:
    embed_long(api, **{"Idempotency-Key": "one"})

    assert not IdempotentCall.objects.exists()


def test_one_too_long_text_costs_no_other_job_of_the_batch(api: Api) -> None:
    api.worker.pause()
    calls = [lambda: embed_long(api), lambda: embed(api, "a dog"), lambda: embed(api, LONG)]
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(call) for call in calls]
        eventually(lambda: Job.objects.count() == len(calls))
        api.worker.resume()
        jobs = [answer.result() for answer in answers]

    assert sorted(response.status_code for response in jobs) == [200, 200, 400]
    assert money(api.user) == (CREDIT - 2 * PRICE_TEXT, 0)


def test_the_page_says_what_was_cut(api: Api, client: Client) -> None:
    ok(classify_by(api, ["a cat", LONG]))
    client.force_login(api.user)

    page = client.get(Job.objects.get().get_absolute_url()).content.decode()

    assert "The model read only the beginning of label 2." in page
    assert "up to 77 tokens" in page


def test_dialects_tell_of_cut_texts_where_they_can(api: Api) -> None:
    repo = api.card.repo
    asked = {"inputs": in_base64(), "parameters": {"candidate_labels": ["a", LONG]}}
    hugging_face = api.http.post(f"/hf-inference/models/{repo}", json=asked)
    body = {"image": in_base64(), "candidate_labels": ["a", LONG]}
    deepinfra = api.http.post(f"/v1/inference/{repo}", json=body)

    assert isinstance(ok(hugging_face), list)  # no room in it
    assert "labels[1] is longer" in hugging_face.headers["x-warning"]
    assert ok(deepinfra)["truncated"] == [1]
    assert "labels[1] is longer" in deepinfra.json()["warning"]


@pytest.mark.parametrize(("truncate", "status"), [("END", 200), ("NONE", 400)])
def test_cutting_is_allowed_in_words_too(api: Api, truncate: str, status: int) -> None:
    assert embed(api, [LONG], truncate=truncate).status_code == status


@pytest.mark.parametrize("truncate", ["START", "middle", 3])
def test_another_way_of_cutting_is_refused(api: Api, truncate: object) -> None:
    response = embed(api, [LONG], truncate=truncate)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "truncate"
    assert not Job.objects.exists()


@pytest.mark.parametrize("place", ["root", "parameters"])
def test_feature_extraction_refuses_to_cut_where_clients_say_so(api: Api, place: str) -> None:
    url = f"/hf-inference/models/{api.card.repo}/pipeline/feature-extraction"
    asked: dict[str, object] = {"truncate": False}
    body = {"inputs": LONG} | (asked if place == "root" else {"parameters": asked})

    response = api.http.post(url, json=body)

    assert response.status_code == 400
    assert "input[0]" in response.json()["error"]
