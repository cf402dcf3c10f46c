"""Several templates around each label: read, priced, averaged as open_clip does it, and shown."""

import html
import io
from typing import Any

import httpx
import numpy as np
import pytest
from django.test import Client
from PIL import Image

from inference.kinds.classify.template_sets import SETS
from inference.models import Job
from inference.runtime.zero_shot import averaged
from tests.conftest import photo_bytes
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_IMAGE,
    PRICE_TEXT,
    Api,
    data_url,
    in_base64,
    money,
)
from tests.support.rows import result_of

OWN = ["a photo of {}", "a drawing of {label}, not a photo"]
READ = ["a photo of a cat", "a drawing of a cat, not a photo"]
LABELS = ["a cat", "a dog"]


def ask(api: Api, **body: object) -> httpx.Response:
    request = {"model": api.card.repo, "input": [{"image": data_url()}], "labels": LABELS}
    return api.http.post("/v1/classify", json=request | body)


def ok(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def similarities(answer: Any) -> dict[str, float]:
    return {item["label"]: item["similarity"] for item in answer["data"][0]["predictions"]}


@pytest.mark.parametrize("name", SETS)
def test_labels_are_averaged_over_the_set(api: Api, name: str) -> None:
    answer = ok(ask(api, hypothesis_templates=name))

    [row] = api.worker.encoder.encode_images([_photo()])
    for label, similarity in similarities(answer).items():
        texts = [template.replace("{}", label) for template in SETS[name]]
        mean = api.worker.encoder.encode_texts(texts).mean(axis=0)
        assert similarity == pytest.approx(row @ mean / np.linalg.norm(mean), abs=1e-6)


def test_a_list_of_ones_own_is_averaged(api: Api) -> None:
    answer = ok(ask(api, hypothesis_templates=OWN))

    assert answer["usage"]["templates"] == 2
    assert api.worker.encoder.texts[:2] == READ
    one = similarities(ok(ask(api, hypothesis_template=OWN[0])))
    assert similarities(answer) != one


def test_a_list_of_one_template_is_that_template(api: Api) -> None:
    one = ok(ask(api, hypothesis_template=OWN[0]))
    listed = ok(ask(api, hypothesis_templates=OWN[:1]))

    assert similarities(listed) == similarities(one)


def test_each_text_that_is_read_is_paid(api: Api) -> None:
    usage = ok(ask(api, hypothesis_templates="openai-7"))["usage"]

    cost = PRICE_IMAGE + 2 * 7 * PRICE_TEXT
    assert money(api.user) == (CREDIT - cost, 0)
    assert (usage["labels"], usage["templates"], usage["labels_cached"]) == (2, 7, 0)


def test_the_most_that_an_ensemble_may_cost_is_held(api: Api) -> None:
    api.worker.pause()
    body = {"model": api.card.repo, "input": [{"image": data_url()}], "labels": LABELS}
    body["hypothesis_templates"] = "openai-80"

    api.http.post("/v1/classify", json=body, headers={"Prefer": "respond-async"})

    held = PRICE_IMAGE + 2 * 80 * PRICE_TEXT
    assert money(api.user) == (CREDIT - held, held)
    api.worker.resume()


def test_a_cut_prompt_names_its_label_once(api: Api) -> None:
    long = "cat " * 75  # the longer templates push it over the fake's 77 words

    answer = ok(ask(api, labels=["a cat", long], hypothesis_templates="openai-80"))

    assert answer["truncated"] == [1]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"hypothesis_templates": []}, "hypothesis_templates"),
        ({"hypothesis_templates": ["a {}"] * 101}, "hypothesis_templates"),
        ({"hypothesis_templates": ["a {}", "no place"]}, "hypothesis_templates[1]"),
        ({"hypothesis_templates": ["a {}", "{} {}"]}, "hypothesis_templates[1]"),
        ({"hypothesis_templates": ["a {}", "x" * 200 + "{}"]}, "hypothesis_templates[1]"),
        ({"hypothesis_templates": ["a {}", 3]}, "hypothesis_templates[1]"),
        ({"hypothesis_templates": "openai-8"}, "hypothesis_templates"),
        ({"hypothesis_templates": {"a": 1}}, "hypothesis_templates"),
        (
            {"hypothesis_templates": ["a {}"], "hypothesis_template": "a {}"},
            "hypothesis_templates",
        ),
        ({"hypothesis_template": "openai-8"}, "hypothesis_template"),
    ],
)
def test_templates_that_cannot_be_used_are_refused(
    api: Api, body: dict[str, object], param: str
) -> None:
    response = ask(api, **body)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert money(api.user) == (CREDIT, 0)


def test_labels_by_templates_have_a_limit(api: Api) -> None:
    labels = [f"label {n}" for n in range(101)]

    response = ask(api, labels=labels, hypothesis_templates="openai-80")

    assert response.status_code == 400
    assert "8,080 texts" in response.json()["error"]["message"]


def test_dialects_take_sets_and_lists(api: Api) -> None:
    repo = api.card.repo
    parameters = {"candidate_labels": LABELS, "hypothesis_template": "openai-7"}
    hugging_face = {"inputs": in_base64(), "parameters": parameters}
    ok(api.http.post(f"/hf-inference/models/{repo}", json=hugging_face))
    form = {"candidate_labels": "a cat,a dog", "hypothesis_templates": '["a {}", "the {}"]'}
    files = {"image": photo_bytes()}
    ok(api.http.post(f"/v1/inference/{repo}", data=form, files=files))

    first, second = Job.objects.order_by("created_at")
    assert first.payload["template"] == "openai-7"
    assert second.payload["templates"] == ["a {}", "the {}"]


@pytest.mark.parametrize(
    ("templates", "lines", "in_code"),
    [
        (
            "openai-80",
            [
                "80 templates (openai-80), vectors of each label averaged",
                "2 labels by 80 templates",
            ],
            '"hypothesis_template": "openai-80"',
        ),
        (
            OWN,
            ["2 templates, vectors of each label averaged", "labels by 2 templates: 4"],
            '"hypothesis_templates": ["a photo of {}", "a drawing of {}, not a photo"]',
        ),
    ],
)
def test_the_page_says_how_it_was_computed_and_exports_it(
    api: Api, client: Client, templates: object, lines: list[str], in_code: str
) -> None:
    ok(ask(api, hypothesis_templates=templates))
    client.force_login(api.user)

    page = html.unescape(client.get(Job.objects.get().get_absolute_url()).content.decode())

    for line in lines:
        assert line in page
    assert in_code in page


def test_scores_of_a_sigmoid_model_are_of_the_averaged_vectors(api: Api) -> None:
    api.worker.encoder.is_sigmoid, api.worker.encoder.logit_bias = True, -10.0

    answer = ok(ask(api, hypothesis_templates="openai-7"))

    for item in answer["data"][0]["predictions"]:
        logit = 100 * item["similarity"] - 10
        assert item["logit"] == pytest.approx(logit)
        assert item["score"] == pytest.approx(1 / (1 + np.exp(-logit)))
    assert result_of(Job.objects.get())["activation"] == "sigmoid"


def test_vectors_of_one_template_stay_as_they_are() -> None:
    rows = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)

    assert averaged(rows, rows=3) is rows


def _photo() -> Image.Image:
    return Image.open(io.BytesIO(photo_bytes())).convert("RGB")
