"""Hugging Face's and DeepInfra's ways to ask for the same."""

import json

import httpx
import pytest

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

LABELS = ["a cat", "a dog"]


def model_at(api: Api) -> str:
    return f"/hf-inference/models/{api.card.repo}"


def zero_shot(api: Api, **body: object) -> httpx.Response:
    parameters = {"parameters": {"candidate_labels": LABELS}}
    return api.http.post(model_at(api), json=parameters | body)


@pytest.mark.parametrize("name", ["inputs", "image", "object", "url"])
def test_each_client_s_picture_is_read(api: Api, name: str) -> None:
    headers: dict[str, dict[str, object]] = {
        "inputs": {"inputs": in_base64()},
        "image": {"image": in_base64()},
        "object": {"inputs": {"image": in_base64()}},
        "url": {"inputs": data_url()},
    }

    response = zero_shot(api, **headers[name])

    assert response.status_code == 200, response.text
    scores = response.json()
    assert {score["label"] for score in scores} == set(LABELS)
    assert scores[0]["score"] >= scores[1]["score"]
    assert sum(score["score"] for score in scores) == pytest.approx(1)
    assert money(api.user) == (CREDIT - PRICE_IMAGE - 2 * PRICE_TEXT, 0)


def test_labels_may_be_one_string(api: Api) -> None:
    response = zero_shot(api, inputs=in_base64(), parameters={"candidate_labels": "a cat,a dog"})

    assert len(response.json()) == 2


def test_the_pipeline_s_own_address_works_too(api: Api) -> None:
    response = api.http.post(
        model_at(api) + "/pipeline/zero-shot-image-classification",
        json={"inputs": in_base64(), "parameters": {"candidate_labels": LABELS}},
    )

    assert response.status_code == 200


def test_feature_extraction_is_a_bare_nested_list(api: Api) -> None:
    at = model_at(api) + "/pipeline/feature-extraction"

    one = api.http.post(at, json={"inputs": "a cat"}).json()
    two = api.http.post(at, json={"inputs": ["a cat", "a dog"]}).json()

    assert len(one) == 1
    assert len(one[0]) == 8
    assert two[0] == one[0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputs": in_base64()},
        {"inputs": [in_base64()], "parameters": {}},
        {"inputs": "no base64!", "parameters": {"candidate_labels": LABELS}},
        {"inputs": in_base64(), "parameters": {"candidate_labels": []}},
    ],
)
def test_errors_are_plain_strings(api: Api, body: dict[str, object]) -> None:
    response = api.http.post(model_at(api), json=body)

    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert isinstance(response.json()["error"], str)
    assert response.headers["x-error-message"]
    assert response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("models/no/such", 404), ("models/no", 404), ("", 404), ("models/a/b/pipeline/x", 404)],
)
def test_unknown_addresses_are_plain_strings_too(api: Api, path: str, status: int) -> None:
    response = api.http.post(
        f"/hf-inference/{path}", json={"inputs": "a", "parameters": {"candidate_labels": ["a"]}}
    )

    assert response.status_code == status
    assert isinstance(response.json()["error"], str)


def test_strangers_and_other_verbs_are_refused_in_plain_words(api: Api) -> None:
    stranger = api.client().post(model_at(api), json={})
    verb = api.http.get(model_at(api))

    assert (stranger.status_code, verb.status_code) == (401, 405)
    assert isinstance(stranger.json()["error"], str)
    assert isinstance(verb.json()["error"], str)


def test_posting_to_the_base_names_the_right_address(api: Api) -> None:
    response = api.client().post("/v1", json={"inputs": "a"})

    assert response.status_code == 400
    assert "/hf-inference/models/" in response.json()["error"]["message"]


@pytest.mark.parametrize("labels", [json.dumps(LABELS), "a cat,a dog"])
def test_deepinfra_s_form(api: Api, labels: str) -> None:
    response = api.http.post(
        f"/v1/inference/{api.card.repo}",
        files={"image": ("f.jpg", photo_bytes())},
        data={"candidate_labels": labels},
    )

    assert response.status_code == 200, response.text
    answer = response.json()
    assert {result["label"] for result in answer["results"]} == set(LABELS)
    assert answer["inference_status"]["cost"] == pytest.approx(0.00011)


def test_deepinfra_s_json(api: Api) -> None:
    body = {"image": data_url(), "candidate_labels": LABELS}

    assert api.http.post(f"/v1/inference/{api.card.repo}", json=body).status_code == 200


def test_a_form_s_labels_may_be_repeated(api: Api) -> None:
    response = api.http.post(
        f"/v1/inference/{api.card.repo}",
        files=[("image", ("f.jpg", photo_bytes()))],
        data={"candidate_labels": LABELS},
    )

    assert len(response.json()["results"]) == 2


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "multipart/form-data", 400),
        (b"rubbish", "multipart/form-data; boundary=x", 400),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x", 400),
        (b"image=a", "application/x-www-form-urlencoded", 415),
        (b"{}", "application/json", 400),
    ],
)
def test_a_form_that_is_none_is_refused(api: Api, content: bytes, kind: str, status: int) -> None:
    response = api.http.post(
        f"/v1/inference/{api.card.repo}", content=content, headers={"content-type": kind}
    )

    assert response.status_code == status, response.text
    assert response.json()["error"]["code"]


def test_a_form_in_a_strange_charset_is_refused(api: Api) -> None:
    part = 'Content-Disposition: form-data; name="candidate_labels"\r\n\r\n\\ud800'
    response = api.http.post(
        f"/v1/inference/{api.card.repo}",
        content=f"--x\r\n{part}\r\n--x--\r\n".encode(),
        headers={"content-type": "multipart/form-data; boundary=x; charset=unicode_escape"},
    )

    assert response.status_code == 400
    assert response.json()["error"]["code"] in {"invalid_form", "invalid_request"}


def test_an_idempotency_key_at_a_strange_address_is_404(api: Api) -> None:
    response = api.http.post(
        "/v1/inference/a%00b",
        headers={"Idempotency-Key": "k"},
        json={"image": in_base64(), "candidate_labels": ["a"]},
    )

    assert response.status_code == 404


@pytest.mark.parametrize("owner", ["%13", "%0d%0aX-Evil:%201", "%E2%82%AC", "%7f"])
def test_what_an_error_quotes_cannot_break_a_header(api: Api, owner: str) -> None:
    body = {"inputs": "a", "parameters": {"candidate_labels": ["a"]}}

    response = api.http.post(f"/hf-inference/models/{owner}/clip", json=body)

    assert response.status_code == 404
    assert response.headers["x-error-message"].startswith("There is no model ?")
    assert "x-evil" not in response.headers


def test_without_labels_the_model_s_address_extracts_features(api: Api) -> None:
    """What huggingface_hub's feature_extraction(text, model=URL) posts."""
    at_task = api.http.post(f"{model_at(api)}/pipeline/feature-extraction", json={"inputs": "a"})

    response = api.http.post(model_at(api), json={"inputs": "a"})

    assert response.status_code == 200, response.text
    assert response.json() == at_task.json()
    picture = api.http.post(model_at(api), json={"inputs": {"image": in_base64()}})
    assert len(picture.json()[0]) == 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_picture_whose_labels_were_forgotten_is_not_read_as_a_text(api: Api, kind: str) -> None:
    response = api.http.post(
        model_at(api), json={"inputs": in_base64(photo_bytes(16, 16, kind=kind))}
    )

    assert response.status_code == 400
    assert "candidate_labels" in response.json()["error"]
    assert money(api.user) == (CREDIT, 0)


def test_deepinfra_s_embeddings(api: Api) -> None:
    body = {"inputs": ["a cat", "a dog"], "normalize": True}

    response = api.http.post(f"/v1/inference/{api.card.repo}", json=body)

    assert response.status_code == 200, response.text
    answer = response.json()
    expected = api.http.post(
        "/v1/embeddings", json={"model": api.card.repo, "input": body["inputs"]}
    ).json()
    assert answer["embeddings"] == [item["embedding"] for item in expected["data"]]
    assert answer["input_tokens"] == expected["usage"]["prompt_tokens"]
    assert answer["inference_status"]["cost"] == pytest.approx(2 * PRICE_TEXT / 1e6)
    assert "warning" not in answer


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"inputs": ["a"], "normalize": False}, "normalize"),
        ({"inputs": ["a"], "candidate_labels": ["a"]}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"candidate_labels": ["a"]}, "image"),
        ({"image": [in_base64(), in_base64()], "candidate_labels": ["a"]}, "image"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_deepinfra_s_fields_are_checked(api: Api, body: dict[str, object], param: str) -> None:
    response = api.http.post(f"/v1/inference/{api.card.repo}", json=body)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_deepinfra_s_buffer_has_no_file_name(api: Api) -> None:
    response = api.http.post(
        f"/v1/inference/{api.card.repo}",
        files=[
            ("image", (None, photo_bytes(), "application/octet-stream")),
            ("candidate_labels", (None, b"a cat")),
            ("candidate_labels", (None, b"a dog")),
        ],
    )

    assert response.status_code == 200, response.text
    assert len(response.json()["results"]) == 2
