"""multipart/form-data at the native endpoints: files as curl, browsers and clients send them."""

from typing import Any

import httpx
import pytest

from tests.conftest import photo_bytes
from tests.inference.api.conftest import Api, data_url, in_base64

LABELS = ["a cat", "a dog"]
PHOTOS = [photo_bytes(40 + number, 40) for number in range(3)]
File = tuple[str, tuple[str | None, bytes, str]]


def ok(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


def files(name: str, *photos: bytes) -> list[File]:
    return [(name, ("photo.jpg", photo, "image/jpeg")) for photo in photos]


def in_json(api: Api, *photos: bytes) -> list[Any]:
    items = [{"image": in_base64(photo)} for photo in photos]
    body = {"model": api.card.repo, "input": items, "labels": LABELS}
    data: list[Any] = ok(api.http.post("/v1/classify", json=body))["data"]
    return data


@pytest.mark.parametrize("name", ["image", "images", "image[]", "file", "files[]", "input"])
def test_several_files_are_scored_in_order(api: Api, name: str) -> None:
    response = api.http.post(
        "/v1/classify",
        data={"model": api.card.repo, "labels": LABELS},
        files=files(name, *PHOTOS),
    )

    assert ok(response)["data"] == in_json(api, *PHOTOS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_buffer_without_a_file_name_is_a_file(api: Api, kind: str) -> None:
    photo = photo_bytes(40, 40, kind=kind)

    response = api.http.post(
        "/v1/classify",
        files=[
            ("model", (None, api.card.repo.encode(), "text/plain")),
            ("labels", (None, b"a cat", "text/plain")),
            ("labels", (None, b"a dog", "text/plain")),
            ("image", (None, photo, "application/octet-stream")),
        ],
    )

    assert ok(response)["data"] == in_json(api, photo)


@pytest.mark.parametrize("labels", ["a cat, a dog", '["a cat", "a dog"]'])
def test_labels_may_be_one_field(api: Api, labels: str) -> None:
    response = api.http.post(
        "/v1/classify",
        data={"model": api.card.repo, "labels": labels, "top_k": "1", "none_of_these": "true"},
        files=files("image", PHOTOS[0]),
    )

    [item] = ok(response)["data"]
    assert len(item["predictions"]) == 1
    assert response.json()["usage"]["labels"] == 3


def test_texts_and_files_are_embedded_in_order(api: Api) -> None:
    response = api.http.post(
        "/v1/embeddings",
        files=[
            ("model", (None, api.card.repo.encode(), "text/plain")),
            ("input", (None, "ein Kätzchen".encode(), "text/plain")),
            *files("image", PHOTOS[0]),
            ("input", (None, b"a dog", "text/plain")),
        ],
    )

    body = {"model": api.card.repo, "input": ["ein Kätzchen", data_url(PHOTOS[0]), "a dog"]}
    assert ok(response)["data"] == ok(api.http.post("/v1/embeddings", json=body))["data"]


@pytest.mark.parametrize("image", [data_url(PHOTOS[0]), in_base64(PHOTOS[0])])
def test_an_image_may_be_a_text_as_well(api: Api, image: str) -> None:
    response = api.http.post(
        "/v1/embeddings", files={"model": (None, api.card.repo), "image": (None, image)}
    )

    assert ok(response)["usage"]["images"] == 1


def test_documents_are_ranked(api: Api) -> None:
    response = api.http.post(
        "/v1/rank",
        data={"model": api.card.repo, "query": "a cat"},
        files=files("documents", *PHOTOS),
    )

    assert len(ok(response)["results"]) == 3


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({"labels": "a, b"}, "model"),
        ({"model": "M"}, "candidate_labels"),
        ({"model": "M", "labels": "a, b", "top_k": "many"}, "top_k"),
        ({"model": "M", "labels": "a, b", "activation": "relu"}, "activation"),
        ({"model": "M", "labels": "a, b", "multi_label": "true"}, "multi_label"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(api: Api, data: dict[str, str], param: str) -> None:
    fields = data | ({"model": api.card.repo} if "model" in data else {})

    response = api.http.post("/v1/classify", data=fields, files=files("image", PHOTOS[0]))

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_a_damaged_file_is_named(api: Api) -> None:
    response = api.http.post(
        "/v1/embeddings",
        data={"model": api.card.repo},
        files=files("image", PHOTOS[0], b"no picture"),
    )

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "input[1]"


def test_a_form_s_key_is_idempotent_whatever_its_boundary(api: Api) -> None:
    def send(photo: bytes) -> httpx.Response:
        return api.http.post(
            "/v1/classify",
            data={"model": api.card.repo, "labels": LABELS},
            files=files("image", photo),
            headers={"Idempotency-Key": "k"},
        )

    first, again, other = send(PHOTOS[0]), send(PHOTOS[0]), send(PHOTOS[1])

    assert again.json()["id"] == first.json()["id"]
    assert other.status_code == 422
