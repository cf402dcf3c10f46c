"""What other services' clients send beside the input: obeyed, refused by name, or named."""

import base64
import gzip
import hashlib
from typing import Any

import httpx
import numpy as np
import pytest

from inference.kinds.fields import floats, tokens
from tests.inference.api.conftest import CREDIT, Api, data_url, in_base64, money

IMAGE_URL = "https://example.com/cat.jpg"


def embed(api: Api, **body: object) -> httpx.Response:
    return api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a cat"} | body)


def ok(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


@pytest.mark.parametrize(
    "options",
    [
        {"dimensions": 8},
        {"output_dimension": 8},
        {"output_dtype": "float"},
        {"embedding_type": "float"},
        {"normalized": True},
        {"normalized": None},
        {"user": "ada", "input_type": "query"},
        {"truncation": True},
        {"truncate": True},
        {"truncate": "END"},
        {"truncate": "NONE"},
        {"truncate": "none"},
    ],
    ids=str,
)
def test_what_is_so_anyway_is_accepted(api: Api, options: dict[str, object]) -> None:
    assert "warning" not in ok(embed(api, **options))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dimensions": 512}, "8"),
        ({"output_dimension": 512}, "8"),
        ({"output_dtype": "int8"}, "float32"),
        ({"embedding_type": "binary"}, "float32"),
        ({"embedding_types": ["int8"]}, "float32"),
        ({"normalized": False}, "length 1"),
        ({"normalized": 1}, "length 1"),
        ({"truncation": False}, "truncate"),
        ({"prompt_name": "query"}, "text"),
        ({"truncate_prompt_tokens": 5}, "truncate"),
        ({"late_chunking": True}, "by itself"),
    ],
    ids=str,
)
def test_what_would_change_the_meaning_is_refused(
    api: Api, options: dict[str, object], said: str
) -> None:
    response = embed(api, **options)

    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_parameter", next(iter(options)))
    assert said in error["message"]
    assert money(api.user) == (CREDIT, 0)


def test_labels_that_do_not_exclude_each_other_are_scored_by_sigmoid(api: Api) -> None:
    body = {"model": api.card.repo, "input": [data_url()], "labels": ["a"], "multi_label": True}

    response = api.http.post("/v1/classify", json=body)

    assert response.json()["error"]["param"] == "multi_label"
    assert "sigmoid" in response.json()["error"]["message"]


def test_what_nobody_knows_is_named(api: Api) -> None:
    response = embed(api, colour="red", späße=1)

    assert "`colour`" in ok(response)["warning"]
    assert "`späße`" in response.json()["warning"]
    assert "`colour`" in response.headers["x-warning"]


def test_any_number_of_unknown_names_fits_the_header(api: Api) -> None:
    response = embed(api, **{f"{'x' * 3000}{number}": 1 for number in range(50)})

    assert ok(response)["warning"]
    assert len(response.headers["x-warning"]) <= 500


def test_a_dialect_names_it_in_the_header(api: Api) -> None:
    body = {
        "inputs": in_base64(),
        "parameters": {"candidate_labels": ["a", "b"], "colour": "red"},
    }

    response = api.http.post(f"/hf-inference/models/{api.card.repo}", json=body)

    assert "`parameters.colour`" in response.headers["x-warning"]


def test_a_text_that_is_a_picture_s_address_is_warned_of(api: Api) -> None:
    answer = ok(embed(api, input=["a cat", IMAGE_URL, "https://example.com/page"]))

    assert answer["warning"].startswith("input[1] is the address of a picture")
    assert '{"image"' in answer["warning"]
    assert "input[2]" not in answer["warning"]


def test_rank_warns_of_it_too(api: Api) -> None:
    body = {"model": api.card.repo, "query": "a cat", "documents": ["a", IMAGE_URL]}

    answer = ok(api.http.post("/v1/rank", json=body))

    assert answer["warning"].startswith("documents[1] is the address of a picture")


@pytest.mark.parametrize(
    "item",
    [
        data_url(),
        {"content": data_url()},
        {"content": [data_url()]},
        {"image_url": data_url()},
        {"type": "image_url", "image_url": data_url()},
    ],
    ids=lambda item: str(item)[:30],
)
def test_a_data_url_is_a_picture_wherever_it_stands(api: Api, item: object) -> None:
    assert ok(embed(api, input=[item]))["usage"]["images"] == 1


@pytest.mark.parametrize("blank", [" ", "\t"])
def test_blanks_within_base64_are_an_error(api: Api, blank: str) -> None:
    image = in_base64()

    response = embed(api, input=[{"image": image[:40] + blank + image[41:]}])

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "input[0]"
    assert "%2B" in response.json()["error"]["message"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\n "])
def test_base64_may_be_broken_into_lines(api: Api, end: str) -> None:
    image = in_base64()

    assert ok(embed(api, input=[{"image": image[:76] + end + image[76:] + "\n"}]))


# --- tokens -----------------------------------------------------------------------------------


def test_the_vocabulary_is_openai_s() -> None:
    """By the hash that tiktoken states for cl100k_base."""
    content = gzip.decompress(tokens.VOCABULARY.read_bytes())

    assert hashlib.sha256(content).hexdigest() == (
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
    )


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([64, 6685, 315, 264, 8415], "a photo of a cat"),
        ([72720, 735, 60738, 7674, 11410, 238, 230], "ein Kätzchen 🐈"),
    ],
)
def test_tokens_are_the_text_that_they_encode(api: Api, numbers: list[int], text: str) -> None:
    [expected] = ok(embed(api, input=text))["data"]

    alone, listed = ok(embed(api, input=numbers)), ok(embed(api, input=[numbers, "a dog"]))

    assert alone["data"] == [expected]
    assert listed["data"][0] == expected
    assert len(listed["data"]) == 2


@pytest.mark.parametrize("numbers", [[100_256], [-1], [1.5], [1] * 8193])
def test_what_is_no_token_is_refused_naming_langchain_s_setting(
    api: Api, numbers: list[float]
) -> None:
    response = embed(api, input=[[1], numbers])

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "input[1]"
    if len(numbers) == 1:
        assert "check_embedding_ctx_length=False" in response.json()["error"]["message"]


# --- floats -----------------------------------------------------------------------------------


def test_floats_have_the_fewest_digits_that_name_a_float32(api: Api) -> None:
    [written] = ok(embed(api, encoding_format="base64"))["data"]
    [plain] = ok(embed(api, encoding_format="float"))["data"]

    exact = np.frombuffer(base64.b64decode(written["embedding"]), "<f4")
    assert np.float32(plain["embedding"]).tolist() == exact.tolist()
    assert [repr(number) for number in plain["embedding"]] == [
        repr(float(str(number))) for number in exact
    ]


def test_every_float32_is_named() -> None:
    random = np.random.default_rng(1)
    numbers = np.concatenate(
        [
            random.standard_normal(20_000).astype("<f4"),
            np.array([0, -0.0, 1, -1, 1e-7, 1e-30, 1e-45, 0.1, 3.4e38], dtype="<f4"),
        ]
    )

    [written] = floats.shortest(numbers[np.newaxis])

    assert np.array(written, dtype="<f4").tobytes() == numbers.tobytes()
    assert max(len(repr(number)) for number in written[:20_000]) <= len("-0.00000123456789")
