"""The answers that the pages show are what the stand-in answers: each is asked for again."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_django import Settings

from catalog.loading import cards
from catalog.models import ModelCard
from inference import kinds
from inference.docs import snippets
from inference.models import Worker
from inference.runtime import loading
from inference.runtime.encoder import Encoder
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights.stand_ins import LITE_2
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.conftest import FIXTURES, SAMPLES
from tests.inference.api.clients.programs import code_of, run
from tests.inference.api.clients.record_answers import IS_RECORDING
from tests.inference.api.clients.table import NODE_MODULES
from tests.inference.api.conftest import Api, WorkerLoop, make_caller

FILES = [path.name for kind in kinds.KINDS.values() for path in kind.snippet_files]
SHOWN_NUMBERS = 3
# Of one call, and never the same again.
PASSING = {"id", "created", "revision"}
# Another CPU adds up in another order.
TOLERANCE = 0.002
NUMBER = re.compile(r"-?\d+\.\d+(?:e-\d+)?")


@pytest.fixture(scope="session")
def stand_in_encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    if package := LITE_2.missing_package():
        pytest.skip(f"{package}, of the extra `demo`, is missing")
    spec = ModelSpec(repo=snippets.STAND_IN, loader=Loader.CONSE, open_clip_model="", revision="1")
    folder = tmp_path_factory.mktemp("stand-in")
    return loading.load(spec, model_dir=folder, cache_dir=folder)


@pytest.fixture
def stand_in(transactional_db: None) -> ModelCard:
    """The card as it is shipped, and served."""
    path = FIXTURES / f"{snippets.STAND_IN.replace('/', '--')}.yaml"
    cards.load_card(yaml.safe_load(path.read_text()), cards.load_sources(FIXTURES / "sources.yaml"))
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[snippets.STAND_IN])
    return ModelCard.objects.get(repo=snippets.STAND_IN)


@pytest.fixture
def stand_in_api(
    server_address: str, stand_in: ModelCard, stand_in_encoder: Encoder
) -> Iterator[Api]:
    worker = WorkerLoop(stand_in)
    worker.server = ServedModel(stand_in, TextCache(stand_in_encoder), images_per_s=10.0)
    worker.start()
    user, key, secret = make_caller("ada@lab.example")
    yield Api(server_address, user, key, secret, stand_in, worker)
    worker.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a visitor has saved the sample photo, and the packages."""
    (tmp_path / "photo.jpg").write_bytes((SAMPLES / "cat.jpg").read_bytes())
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_an_answer_is_what_the_stand_in_answers(
    stand_in_api: Api, settings: Settings, folder: Path, request: pytest.FixtureRequest, name: str
) -> None:
    settings.SITE_URL = stand_in_api.base_url
    path = snippets.answer_file(name)
    assert path

    code = code_of(name, model=snippets.STAND_IN)
    answer = as_shown(run(name, code, folder=folder, secret=stand_in_api.secret))

    if request.config.stash.get(IS_RECORDING, False):
        path.parent.mkdir(exist_ok=True)
        path.write_text(answer)
    assert_same(answer, path.read_text())


def as_shown(output: str) -> str:
    """JSON is indented and its vectors are cut; lines stay as they are."""
    if not output.startswith("{"):
        return output.rstrip() + "\n"
    text = json.dumps(json.loads(output, object_hook=_cut), indent=2)
    # Short lists on one line.
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n"


def _cut(item: dict[str, Any]) -> dict[str, Any]:
    vector = item.get("embedding")
    if not isinstance(vector, list):
        return item
    rest = f"... {len(vector) - SHOWN_NUMBERS} more"
    return item | {"embedding": [*vector[:SHOWN_NUMBERS], rest]}


def assert_same(answer: str, recorded: str) -> None:
    """The same words, and the same numbers but for rounding and what is of one call only."""
    assert _words(answer) == _words(recorded)
    numbers, expected = _numbers(answer), _numbers(recorded)
    assert numbers == pytest.approx(expected, abs=TOLERANCE)


def _words(text: str) -> str:
    passing = "|".join(sorted(PASSING))
    text = re.sub(rf'("(?:{passing})": )(?:"[^"]*"|\d+)', r"\1...", text)
    return NUMBER.sub("#", text)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]


def test_another_answer_would_be_noticed() -> None:
    recorded = '{"id": "cls_1", "score": 0.75, "label": "a cat"}'

    assert_same('{"id": "cls_2", "score": 0.7501, "label": "a cat"}', recorded)
    with pytest.raises(AssertionError):
        assert_same('{"id": "cls_1", "score": 0.70, "label": "a cat"}', recorded)
    with pytest.raises(AssertionError):
        assert_same('{"id": "cls_1", "score": 0.75, "label": "a dog"}', recorded)


def test_a_long_vector_is_cut_and_says_so() -> None:
    shown = as_shown(json.dumps({"data": [{"embedding": [0.5] * 384}]}))

    assert json.loads(shown)["data"][0]["embedding"] == [0.5, 0.5, 0.5, "... 381 more"]
    assert '"embedding": [0.5, 0.5, 0.5, "... 381 more"]' in shown


def test_every_shown_snippet_has_an_answer() -> None:
    shown = [
        f"{snippet.name}.{snippet.client}"
        for name in {name.partition(".")[0] for name in FILES}
        for snippet in snippets.with_answers(name)
        if snippet.answer
    ]

    assert sorted(shown) == sorted(FILES)
