"""POST /v1/classify and the dialects that mean the same."""

from typing import Any

import httpx
import pytest

from accounts import keys
from inference.models import Job
from tests.conftest import photo_bytes
from tests.fakes.encoder import poison_photo
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_IMAGE,
    PRICE_TEXT,
    Api,
    data_url,
    in_base64,
    make_caller,
    money,
)

PATH = "/v1/classify"
LABELS = ["a cat", "a dog", "a car"]


def ask(api: Api, **body: object) -> httpx.Response:
    request = {"model": api.card.repo, "input": [{"image": data_url()}], "labels": LABELS}
    return api.http.post(PATH, json=request | body)


def answer(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


def error(response: httpx.Response, status: int = 400) -> dict[str, object]:
    assert response.status_code == status, response.text
    details: dict[str, object] = response.json()["error"]
    return details


def test_a_picture_is_scored_against_its_labels(api: Api) -> None:
    classified = answer(ask(api))

    [item] = classified["data"]
    best = item["predictions"][0]
    assert item["prediction"] == best["label"]
    assert item["score"] == best["score"]
    assert sorted(prediction["label"] for prediction in item["predictions"]) == sorted(LABELS)
    assert sum(prediction["score"] for prediction in item["predictions"]) == pytest.approx(1)
    assert best["logit"] == pytest.approx(100 * best["similarity"])
    assert item["activation"] == "softmax"
    assert classified["usage"]["labels"] == 3
    assert classified["usage"]["labels_cached"] == 0
    assert "warning" not in classified
    assert money(api.user) == (CREDIT - PRICE_IMAGE - 3 * PRICE_TEXT, 0)
    assert Job.objects.get().payload["template"] == "This is a photo of {}."


def test_labels_that_are_known_cost_nothing(api: Api) -> None:
    ask(api)

    usage = answer(ask(api))["usage"]

    assert usage["labels_cached"] == 3
    assert usage["cost_usd"] == "0.000094"


def test_nobody_learns_which_labels_others_have_sent(api: Api) -> None:
    ask(api)
    _, _, secret = make_caller("bob@lab.example")

    bob = api.client(secret).post(
        PATH, json={"model": api.card.repo, "input": [{"image": data_url()}], "labels": LABELS}
    )

    usage = answer(bob)["usage"]
    assert usage["labels_cached"] == 0
    assert usage["cost_usd"] == "0.000118"
    assert bob.headers["x-gigarouter-cost"] == "0.000118"


def test_keys_of_one_account_share_its_labels(api: Api) -> None:
    ask(api)
    _, secret = keys.issue(api.user, name="second")

    again = api.client(secret).post(
        PATH, json={"model": api.card.repo, "input": [{"image": data_url()}], "labels": LABELS}
    )

    assert answer(again)["usage"]["labels_cached"] == 3


def test_many_pictures_keep_their_order(api: Api) -> None:
    photos = [{"image": in_base64(photo_bytes(40 + n, 40))} for n in range(4)]

    together = answer(ask(api, input=photos))["data"]

    assert [item["index"] for item in together] == [0, 1, 2, 3]
    for index, photo in enumerate(photos):
        [alone] = answer(ask(api, input=[photo]))["data"]
        assert alone["predictions"] == together[index]["predictions"]


def test_bare_strings_are_pictures_here(api: Api) -> None:
    assert answer(ask(api, input=data_url()))["usage"]["images"] == 1


def test_top_k_cuts_the_predictions(api: Api) -> None:
    [item] = answer(ask(api, top_k=2))["data"]

    assert len(item["predictions"]) == 2


@pytest.mark.parametrize(("activation", "adds_up"), [("sigmoid", False), ("none", False)])
def test_another_activation_can_be_chosen(api: Api, activation: str, adds_up: bool) -> None:
    [item] = answer(ask(api, activation=activation))["data"]

    assert item["activation"] == activation
    assert (
        sum(prediction["score"] for prediction in item["predictions"]) == pytest.approx(1)
    ) is adds_up
    if activation == "none":
        assert all(prediction["score"] == prediction["logit"] for prediction in item["predictions"])


def test_a_template_of_ones_own(api: Api) -> None:
    answer(ask(api, hypothesis_template="a drawing of {label}"))

    assert Job.objects.get().payload["template"] == "a drawing of {}"


def test_labels_have_two_names_and_may_be_one_string(api: Api) -> None:
    [item] = answer(ask(api, labels=None, candidate_labels="a cat, a dog"))["data"]

    assert sorted(prediction["label"] for prediction in item["predictions"]) == ["a cat", "a dog"]


def test_none_of_these_is_read_as_something_else(api: Api) -> None:
    [item] = answer(ask(api, none_of_these=True, top_k=4))["data"]

    assert "none of these" in [prediction["label"] for prediction in item["predictions"]]
    assert "This is a photo of something else." in api.worker.encoder.texts


def test_one_label_comes_with_a_warning(api: Api) -> None:
    assert "always 1" in str(answer(ask(api, labels=["a cat"]))["warning"])
    assert "warning" not in answer(ask(api, labels=["a cat"], none_of_these=True))


def test_a_thousand_labels_are_the_most(api: Api) -> None:
    labels = [f"label {n}" for n in range(1001)]

    assert len(answer(ask(api, labels=labels[:1000]))["data"][0]["predictions"]) == 1000
    assert error(ask(api, labels=labels))["param"] == "labels"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"labels": []}, "labels"),
        ({"labels": None}, "candidate_labels"),
        ({"labels": [""]}, "labels[0]"),
        ({"labels": ["a", 3]}, "labels[1]"),
        ({"labels": ["a", "b", "a"]}, "labels"),
        ({"labels": ["x" * 501]}, "labels[0]"),
        ({"labels": {"a": 1}}, "labels"),
        ({"candidate_labels": ["a"]}, "labels"),
        ({"labels": ["none of these"], "none_of_these": True}, "labels"),
        ({"hypothesis_template": "no place"}, "hypothesis_template"),
        ({"hypothesis_template": "{} and {}"}, "hypothesis_template"),
        ({"hypothesis_template": "{} {label}"}, "hypothesis_template"),
        ({"hypothesis_template": "{}" + "x" * 200}, "hypothesis_template"),
        ({"activation": "relu"}, "activation"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": "3"}, "top_k"),
        ({"input": [{"text": "a cat"}]}, "input[0].text"),
        ({"input": []}, "input"),
        ({"input": ["a cat"]}, "input[0]"),
        ({"none_of_these": "yes"}, "none_of_these"),
    ],
)
def test_what_cannot_be_classified_is_refused(
    api: Api, body: dict[str, object], param: str
) -> None:
    assert error(ask(api, **body))["param"] == param
    assert money(api.user) == (CREDIT, 0)


def test_pictures_times_labels_have_a_limit(api: Api) -> None:
    body = {"input": [{"image": data_url()}] * 21, "labels": [str(n) for n in range(1000)]}

    assert "20,000 scores" in str(error(ask(api, **body))["message"])


def test_a_picture_that_breaks_the_model_costs_nothing(api: Api) -> None:
    assert error(ask(api, input=in_base64(poison_photo())), 500)["code"] == "internal"
    assert money(api.user) == (CREDIT, 0)


def test_a_stranger_is_refused(api: Api) -> None:
    assert error(api.client().post(PATH, json={}), 401)["code"] == "invalid_api_key"


def test_another_verb_is_refused(api: Api) -> None:
    assert error(api.http.put(PATH), 405)["code"] == "method_not_allowed"
