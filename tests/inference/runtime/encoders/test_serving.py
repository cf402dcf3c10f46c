"""A worker with more models than its memory holds."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from catalog.models import ModelCard
from inference.models import Worker
from inference.runtime import loading
from inference.runtime.errors import EncoderError
from inference.runtime.images.preprocessing import Method
from inference.worker import process
from tests.conftest import make_card
from tests.inference.runtime.conftest import REVISION, TRANSFORMERS_SPEC

MEGABYTE = 1024 * 1024
REPOS = ["tiny/one", "tiny/two", "tiny/three"]


@pytest.fixture
def cards(
    db: None, model_dir: Path, tmp_path: Path, settings: Settings
) -> Iterator[list[ModelCard]]:
    """Three models with their weights on this machine; each takes some 13 MB."""
    settings.MODEL_DIR = tmp_path / "models"
    for repo in REPOS:
        folder = settings.MODEL_DIR / repo.replace("/", "--")
        shutil.copytree(model_dir / TRANSFORMERS_SPEC.folder, folder)
    yield [make_card(repo, loader="transformers", revision=REVISION) for repo in REPOS]
    process._cards.clear()
    process._model_cache.clear()
    process._on_leaving.clear()


def loaded() -> list[str]:
    return [repo for repo, _ in process._model_cache.items()]


def room_for_two(settings: Settings, card: ModelCard) -> None:
    size = process._expected_bytes(card)
    settings.MODEL_MEMORY_MB = int(2.5 * size / MEGABYTE)


def test_all_models_are_loaded_where_there_is_no_limit(cards: list[ModelCard]) -> None:
    assert process.load_models(cards) == []

    assert loaded() == REPOS


def test_the_size_is_known_before_loading(cards: list[ModelCard]) -> None:
    process.load_models(cards[:1])

    encoder = process.server_of(cards[0]).memory.encoder

    assert process._expected_bytes(cards[0]) == encoder.parameter_bytes > 12_000_000


def test_what_does_not_fit_is_loaded_when_it_is_asked_for(
    cards: list[ModelCard], settings: Settings
) -> None:
    room_for_two(settings, cards[0])
    assert process.load_models(cards) == []
    assert loaded() == REPOS[:2]

    process.server_of(cards[0])
    server = process.server_of(cards[2])

    assert server.memory.encoder.repo == REPOS[2]
    assert loaded() == [REPOS[0], REPOS[2]]


def test_what_can_be_loaded_is_announced(cards: list[ModelCard], settings: Settings) -> None:
    room_for_two(settings, cards[0])
    process.load_models(cards)

    process.announce()

    assert Worker.objects.get().repos == sorted(REPOS)


def test_a_model_that_cannot_be_loaded_again_is_withdrawn(
    cards: list[ModelCard], settings: Settings
) -> None:
    room_for_two(settings, cards[0])
    process.load_models(cards)
    left: list[str] = []
    process._on_leaving.append(left.append)
    shutil.rmtree(settings.MODEL_DIR / "tiny--three")

    with pytest.raises(process.NotServed, match="tiny/three"):
        process.server_of(cards[2])

    assert Worker.objects.get().repos == sorted(REPOS[:2])
    assert left == [cards[2].queue]
    with pytest.raises(process.NotServed, match="does not serve"):
        process.server_of(cards[2])


def test_weights_that_are_missing_do_not_stop_the_others(
    cards: list[ModelCard], settings: Settings
) -> None:
    shutil.rmtree(settings.MODEL_DIR / "tiny--one")

    assert process.load_models(cards) == cards[:1]
    assert loaded() == REPOS[1:]


def test_missing_weights_are_told_from_a_lack_of_room(
    cards: list[ModelCard], settings: Settings
) -> None:
    room_for_two(settings, cards[0])
    shutil.rmtree(settings.MODEL_DIR / "tiny--three")

    assert process.load_models(cards) == cards[2:]


def test_a_device_that_is_not_there_is_said(
    cards: list[ModelCard], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WORKER_DEVICE = "cuda:63"

    with pytest.raises(EncoderError, match="none of tiny/one"):
        process.load_models(cards[:1])

    assert "torch cannot compute on 'cuda:63'" in caplog.text


def test_the_settings_reach_the_encoder(cards: list[ModelCard], settings: Settings) -> None:
    settings.PREPROCESSING = "fast"
    settings.DTYPE = "bf16"

    process.load_models(cards[:1])

    encoder = process.server_of(cards[0]).memory.encoder
    assert encoder.preprocessing.method is Method.FAST
    assert process.options() == loading.Options(dtype="bf16", preprocessing=Method.FAST)
    assert encoder.parameter_bytes < 8_000_000
