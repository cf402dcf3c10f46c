"""@huggingface/inference; its side of each case stands in tests/js/hugging_face_cases.mjs."""

from functools import partial

import pytest
from pytest_django import Settings

from catalog.models import Stage
from tests.conftest import PRICED, make_card
from tests.inference.api.clients.conftest import Run
from tests.inference.api.clients.table import HUGGING_FACE_JS, compatible
from tests.inference.api.conftest import make_caller

FILE = "hugging_face_cases.mjs"
ZERO_SHOT = "POST /hf-inference/models/{id}"
FEATURES = "POST /hf-inference/models/{id}/pipeline/feature-extraction"


@pytest.fixture
def run(run_js: Run) -> Run:
    return partial(run_js, FILE)


@compatible(HUGGING_FACE_JS, ZERO_SHOT, "zeroShotImageClassification")
@pytest.mark.parametrize("case", ["zeroShot", "zeroShotOfBlob", "zeroShotByEndpoint"])
def test_a_picture_is_classified(run: Run, case: str) -> None:
    outcome = run(case)

    assert not outcome.error
    assert {score["label"] for score in outcome.value} == {"a cat", "a dog"}
    assert outcome.value[0]["score"] >= outcome.value[1]["score"]


@compatible(HUGGING_FACE_JS, FEATURES, "featureExtraction")
@pytest.mark.parametrize(("case", "count"), [("features", 1), ("featuresOfTwo", 2)])
def test_texts_become_rows(run: Run, case: str, count: int) -> None:
    vectors = run(case).value

    assert [len(vector) for vector in vectors] == [8] * count


@compatible(HUGGING_FACE_JS, "errors", "404 tells its sentence")
def test_a_coming_model_says_so(run: Run) -> None:
    make_card("laion/not-yet", stage=Stage.REQUESTED)

    outcome = run("zeroShot", NAME="laion/not-yet")

    assert "laion/not-yet is not live yet." in outcome.error["message"]
    assert outcome.statuses == [404]


@compatible(HUGGING_FACE_JS, "errors", "402 tells its sentence")
def test_without_credit_nothing_is_done(run: Run) -> None:
    _, _, secret = make_caller("poor@lab.example", micro_usd=0)

    outcome = run("zeroShot", API_KEY=secret)

    assert "credit" in outcome.error["message"]
    assert outcome.statuses == [402]


@compatible(
    HUGGING_FACE_JS, "errors", "a model that is being loaded is told, and not asked for again"
)
@pytest.mark.usefixtures("one_window")
def test_a_model_without_a_worker_is_not_asked_for_without_end(
    run: Run, settings: Settings
) -> None:
    """This client repeats what was answered by 503 at once, and for ever."""
    settings.API_SUBMITS_PER_MINUTE = 5
    make_card("openai/cold", stage=Stage.LIVE, **PRICED)

    outcome = run("zeroShot", NAME="openai/cold")

    assert len(outcome.statuses) == 1
    assert "No worker has openai/cold loaded" in outcome.error["message"]
