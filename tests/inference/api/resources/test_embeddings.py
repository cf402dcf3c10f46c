"""POST /v1/embeddings: every way to send an input, one way to answer."""

import base64
import json
from typing import Any

import httpx
import numpy as np
import pytest

from inference.models import Job
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

PATH = "/v1/embeddings"


def ask(api: Api, **body: object) -> httpx.Response:
    return api.http.post(PATH, json={"model": api.card.repo} | body)


def vectors(response: httpx.Response) -> list[Any]:
    """Lists of floats, or base64 where that was asked for."""
    assert response.status_code == 200, response.text
    items = response.json()["data"]
    assert [item["index"] for item in items] == list(range(len(items)))
    return [item["embedding"] for item in items]


def error(response: httpx.Response, status: int = 400) -> dict[str, object]:
    assert response.status_code == status, response.text
    details: dict[str, object] = response.json()["error"]
    assert set(details) == {"message", "type", "param", "code", "metadata", "request_id"}
    return details


def test_a_text_becomes_a_list_of_floats(api: Api) -> None:
    response = ask(api, input="a cat")

    [vector] = vectors(response)
    answer = response.json()
    assert (answer["object"], answer["model"]) == ("list", api.card.repo)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] == 2
    assert (answer["usage"]["cost_usd"], answer["usage"]["images"]) == ("0.000008", 0)
    assert response.headers["x-gigarouter-cost"] == "0.000008"
    assert response.headers["x-gigarouter-balance"] == "0.999992"
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_a_known_text_costs_nothing_the_second_time(api: Api) -> None:
    ask(api, input="a cat")

    assert ask(api, input="a cat").json()["usage"]["cost_usd"] == "0"
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


def test_base64_is_little_endian_float32(api: Api) -> None:
    [written] = vectors(ask(api, input="a cat", encoding_format="base64"))
    [floats] = vectors(ask(api, input="a cat", encoding_format="float"))

    assert isinstance(written, str)
    assert np.frombuffer(base64.b64decode(written), "<f4").tolist() == np.float32(floats).tolist()


def test_an_unknown_encoding_is_refused_naming_the_two(api: Api) -> None:
    refusal = error(ask(api, input="a cat", encoding_format="int8"))

    assert "float" in str(refusal["message"])
    assert "base64" in str(refusal["message"])
    assert refusal["param"] == "encoding_format"


def test_every_dialect_of_a_picture_gives_the_same_vector(api: Api) -> None:
    url, plain = data_url(), in_base64()
    [expected] = vectors(ask(api, input=[{"image": url}]))
    items: list[object] = [
        {"image": plain},
        {"image": {"url": url}},
        {"content": [{"type": "image_url", "image_url": {"url": url}}]},
        {"content": [{"type": "image_url", "image_url": url}]},
        {"type": "image_url", "image_url": {"url": url}},
        {"image_base64": plain[:40] + "\n" + plain[40:]},
    ]

    assert vectors(ask(api, input=items)) == [expected] * len(items)
    assert vectors(ask(api, input=items[0])) == [expected]
    assert vectors(ask(api, input=[url], modality="image")) == [expected]
    chat = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    assert vectors(ask(api, messages=chat)) == [expected]


def test_every_dialect_of_a_text_gives_the_same_vector(api: Api) -> None:
    [expected] = vectors(ask(api, input="a cat"))
    items = [
        {"text": "a cat"},
        {"content": "a cat"},
        {"content": [{"type": "text", "text": "a cat"}]},
    ]

    assert vectors(ask(api, input=items)) == [expected] * 3
    assert vectors(ask(api, messages=[{"role": "user", "content": "a cat"}])) == [expected]


def test_mixed_inputs_keep_their_order(api: Api) -> None:
    photos = [photo_bytes(40 + n, 40) for n in range(3)]
    mixed = ["a cat", *({"image": in_base64(photo)} for photo in photos), "a dog"]

    together = ask(api, input=mixed)

    apart = [vectors(ask(api, input=[item]))[0] for item in mixed]
    assert vectors(together) == apart
    assert together.json()["usage"]["images"] == 3
    assert together.json()["usage"]["cost_usd"] == f"0.{3 * PRICE_IMAGE + 2 * PRICE_TEXT:06}"


def test_a_bare_string_that_looks_like_a_url_is_a_text(api: Api) -> None:
    response = ask(api, input="https://example.com/cat.jpg")

    vectors(response)
    assert Job.objects.get().inputs == [{"text": "https://example.com/cat.jpg"}]


def test_2048_texts_are_the_most(api: Api) -> None:
    assert len(vectors(ask(api, input=[f"text {n}" for n in range(2048)]))) == 2048
    assert error(ask(api, input=["a"] * 2049))["param"] == "input"


def test_256_images_are_the_most(api: Api) -> None:
    image = {"image": in_base64(photo_bytes(8, 8))}

    assert len(vectors(ask(api, input=[image] * 256 + ["a text"] * 100))) == 356
    refusal = error(ask(api, input=[image] * 257))
    assert refusal["param"] == "input"
    assert "256" in str(refusal["message"])


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "invalid_request"),
        ("", "invalid_request"),
        ("  \u200b ", "invalid_request"),
        (None, "invalid_request"),
        (["a", ""], "invalid_request"),
        ([{}], "unsupported_input"),
        ([1, 2.5], "unsupported_input"),
        ([-1], "unsupported_input"),
        ([[1, 100256]], "unsupported_input"),
        ([[1] * 8193], "unsupported_input"),
        ([["a"]], "invalid_request"),
        ([{"text": "a", "image": "b"}], "unsupported_input"),
        (
            [{"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": "b"}]}],
            "unsupported_input",
        ),
        ([{"content": []}], "invalid_request"),
        ([{"content": [3]}], "invalid_request"),
        ([{"text": 3}], "invalid_request"),
        ([{"image": 3}], "invalid_request"),
        ([{"image": "no base64!"}], "invalid_image"),
        ([{"image": "data:image/png,abc"}], "invalid_image"),
        ([{"image": in_base64(b"no picture")}], "invalid_image"),
        ([{"image": ""}], "invalid_request"),
        (["x" * 8193], "invalid_request"),
        ([True], "invalid_request"),
    ],
)
def test_what_cannot_be_embedded_is_refused(api: Api, value: object, code: str) -> None:
    assert error(ask(api, input=value))["code"] == code
    assert money(api.user) == (CREDIT, 0)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "a", "dimensions": 4}, "dimensions"),
        ({"input": "a", "messages": []}, "messages"),
        ({"messages": "a"}, "messages"),
        ({"messages": [3]}, "messages[0]"),
        ({"messages": []}, "messages"),
        ({"input": "a", "modality": "audio"}, "modality"),
        ({"input": "a", "model": 3}, "model"),
        ({"input": "a", "model": None}, "model"),
    ],
)
def test_other_fields_are_checked(api: Api, body: dict[str, object], param: str) -> None:
    refusal = error(ask(api, **body))

    assert str(refusal["param"]).startswith(param.partition("[")[0])


def test_a_damaged_picture_fails_the_job_and_costs_nothing(api: Api) -> None:
    whole = photo_bytes(200, 200, kind="PNG")

    refusal = error(ask(api, input=[{"image": in_base64(whole[: len(whole) // 2])}]))

    assert refusal["code"] == "invalid_image"
    assert money(api.user) == (CREDIT, 0)


def test_a_picture_of_too_many_bytes_is_413(api: Api) -> None:
    big = photo_bytes() + bytes(10 * 1024 * 1024)

    assert error(ask(api, input=[{"image": in_base64(big)}]), 413)["code"] == "image_too_large"


def test_a_picture_of_ten_megabytes_passes(api: Api) -> None:
    photo = photo_bytes()
    large = photo + bytes(10 * 1024 * 1024 - len(photo))

    vectors(ask(api, input=[{"image": in_base64(large)}]))


def test_a_picture_on_its_side_is_turned(api: Api) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"

    vectors(ask(api, input=[{"image": in_base64(photo_bytes(64, 48, exif=exif))}]))

    [image] = Job.objects.get().inputs
    assert (image["width"], image["height"]) == (48, 64)


def test_a_stranger_is_refused(api: Api) -> None:
    response = api.client().post(PATH, json={"model": api.card.repo, "input": "a"})

    assert error(response, 401)["code"] == "invalid_api_key"


def test_another_verb_is_refused(api: Api) -> None:
    response = api.http.get(PATH)

    assert error(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"] == "POST"


def test_the_answer_is_json_that_any_parser_takes(api: Api) -> None:
    json.loads(ask(api, input="a").text, parse_constant=lambda name: pytest.fail(name))
