"""huggingface_hub's InferenceClient, which posts to exactly the address it is given."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from huggingface_hub import InferenceClient, close_session
from huggingface_hub.errors import BadRequestError, HfHubHTTPError
from pytest_django import Settings

from catalog.models import Stage
from tests.conftest import SAMPLES, make_card, photo_bytes
from tests.inference.api.clients.table import HUGGING_FACE_PY, compatible
from tests.inference.api.conftest import Api, make_caller, money

LABELS = ["a cat", "a dog"]
ZERO_SHOT = "POST /hf-inference/models/{id}"
FEATURES = "POST /hf-inference/models/{id}/pipeline/feature-extraction"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """All its clients share one session."""
    yield
    close_session()


@pytest.fixture
def client(api: Api) -> InferenceClient:
    return InferenceClient(token=api.secret)


def at(api: Api, repo: str = "") -> str:
    return f"{api.base_url}/hf-inference/models/{repo or api.card.repo}"


@compatible(HUGGING_FACE_PY, ZERO_SHOT, "zero_shot_image_classification")
def test_a_picture_is_classified(api: Api, client: InferenceClient) -> None:
    scores = client.zero_shot_image_classification(photo_bytes(), LABELS, model=at(api))

    assert {score.label for score in scores} == set(LABELS)
    assert scores[0].score >= scores[1].score
    assert sum(score.score for score in scores) == pytest.approx(1, abs=1e-6)


@compatible(HUGGING_FACE_PY, ZERO_SHOT, "zero_shot_image_classification")
def test_a_file_and_a_template_are_taken(api: Api, client: InferenceClient) -> None:
    scores = client.zero_shot_image_classification(
        SAMPLES / "cat.jpg", LABELS, hypothesis_template="a drawing of a {}", model=at(api)
    )

    assert len(scores) == 2


@compatible(HUGGING_FACE_PY, FEATURES, "feature_extraction")
def test_a_text_becomes_a_row(api: Api, client: InferenceClient) -> None:
    address = f"{at(api)}/pipeline/feature-extraction"

    vectors = client.feature_extraction("a cat", model=address)

    assert vectors.shape == (1, 8)
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-6)


@compatible(HUGGING_FACE_PY, "errors", "404 tells its sentence and the request's id")
def test_a_coming_model_says_so(api: Api, client: InferenceClient) -> None:
    make_card("laion/not-yet", stage=Stage.REQUESTED)

    with pytest.raises(HfHubHTTPError) as caught:
        client.zero_shot_image_classification(photo_bytes(), LABELS, model=at(api, "laion/not-yet"))

    assert caught.value.response.status_code == 404
    assert "laion/not-yet is not live yet." in str(caught.value)
    assert caught.value.response.headers["x-request-id"] in str(caught.value)
    sentence = caught.value.response.json()["error"]
    assert sentence.startswith("laion/not-yet is not live yet.")
    assert sentence.endswith("/models/laion/not-yet/")


@compatible(HUGGING_FACE_PY, "errors", "402 tells its sentence")
def test_without_credit_nothing_is_done(api: Api) -> None:
    user, _, secret = make_caller("poor@lab.example", micro_usd=0)

    with pytest.raises(HfHubHTTPError) as caught:
        InferenceClient(token=secret).zero_shot_image_classification(
            photo_bytes(), LABELS, model=at(api)
        )

    assert caught.value.response.status_code == 402
    assert "credit" in str(caught.value)
    assert money(user) == (0, 0)


@compatible(HUGGING_FACE_PY, "errors", "429 says after how many seconds to retry")
@pytest.mark.usefixtures("one_window")
def test_the_rate_limit_is_told_in_seconds(
    api: Api, client: InferenceClient, settings: Settings
) -> None:
    settings.API_SUBMITS_PER_MINUTE = 1
    client.zero_shot_image_classification(photo_bytes(), LABELS, model=at(api))

    with pytest.raises(HfHubHTTPError, match=r"Retry after \d+ seconds \(0/1 requests remaining"):
        client.zero_shot_image_classification(photo_bytes(), LABELS, model=at(api))


@compatible(HUGGING_FACE_PY, "errors", "base_url is answered with the address to use")
def test_base_url_is_told_what_to_use_instead(api: Api, settings: Settings) -> None:
    settings.SITE_URL = api.base_url
    client = InferenceClient(base_url=f"{api.base_url}/v1", api_key=api.secret)

    with pytest.raises(BadRequestError) as caught:
        client.zero_shot_image_classification(photo_bytes(), LABELS)

    assert "/hf-inference/models/" in str(caught.value)
    address = re.search(r'model="(\S+)"', str(caught.value))
    assert address
    InferenceClient(token=api.secret).zero_shot_image_classification(
        photo_bytes(),
        LABELS,
        model=address[1].replace("patch14", "patch32").replace("large", "base"),
    )
