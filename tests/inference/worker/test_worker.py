"""Which models a worker takes on, and what it tells the site."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from catalog.models import ModelCard
from inference.models import Worker
from inference.runtime.onnx_engine.request import Precision
from inference.worker import process, served_models
from tests.conftest import make_card
from tests.inference.runtime import conftest  # before the next: it makes open_clip importable
from tests.inference.runtime.tiny_models import tiny

__all__ = ["conftest"]


@pytest.fixture
def stand_in(db: None) -> ModelCard:
    return make_card("gigarouter/conse-demo", is_stand_in=True, loader="conse")


def test_auto_serves_what_has_its_weights_here(
    card: ModelCard, stand_in: ModelCard, tmp_path: Path, settings: Settings
) -> None:
    settings.MODEL_DIR = tmp_path
    make_card("openai/no-weights")
    folder = tmp_path / card.repo.replace("/", "--")
    folder.mkdir()
    for name in ["config.json", "preprocessor_config.json", "model.safetensors"]:
        (folder / name).touch()

    assert served_models.cards_to_serve("auto") == [stand_in, card]


def test_named_models_are_served_in_the_order_named(card: ModelCard, stand_in: ModelCard) -> None:
    assert served_models.cards_to_serve(f"{card.repo}, {stand_in.repo}") == [card, stand_in]


def test_a_model_without_a_card_is_named(card: ModelCard) -> None:
    with pytest.raises(served_models.NotServed, match="no model card for nobody/nothing"):
        served_models.cards_to_serve(f"{card.repo},nobody/nothing")


def test_a_message_for_a_model_that_is_not_loaded_is_an_error(card: ModelCard) -> None:
    with pytest.raises(served_models.NotServed, match=card.repo):
        served_models.get(card)


def test_announcing_again_renews_one_row(db: None) -> None:
    process.announce()
    first = Worker.objects.get()
    process.announce()

    assert Worker.objects.get().seen_at > first.seen_at
    process.withdraw()
    assert not Worker.objects.exists()


def test_the_worker_command_says_what_is_wrong(card: ModelCard) -> None:
    with pytest.raises(CommandError, match="nobody/nothing"):
        call_command("run_worker", models="nobody/nothing")


def test_fetching_an_unknown_model_names_the_known_ones(card: ModelCard) -> None:
    with pytest.raises(CommandError, match=card.repo):
        call_command("fetch_model", "nobody/nothing")


def test_fetching_from_a_hub_that_is_away_is_one_sentence(
    card: ModelCard, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODEL_DIR = tmp_path
    monkeypatch.setattr("inference.runtime.weights.store.ENDPOINT", "http://127.0.0.1:1")

    with pytest.raises(CommandError) as refusal:
        call_command("fetch_model", card.repo, stdout=StringIO())

    assert "\n" not in str(refusal.value)
    assert not (tmp_path / card.repo.replace("/", "--")).exists()


@pytest.mark.parametrize(
    ("wanted", "precision"),
    [
        ([], Precision.FP32),
        (["fp32"], Precision.FP32),
        (["int8"], Precision.INT8),
        (["a/b=int8"], Precision.INT8),
        (["c/d=int8"], Precision.FP32),
        (["int8", "a/b=fp32"], Precision.FP32),
        (["a/b=fp32", "int8"], Precision.FP32),
    ],
)
def test_a_model_s_own_precision_goes_before_that_of_all(
    wanted: list[str], precision: Precision
) -> None:
    assert served_models.precision_of("a/b", wanted) is precision


def test_a_worker_s_row_says_what_computes_its_models(
    tmp_path: Path, card: ModelCard, settings: Settings
) -> None:
    settings.MODEL_DIR, settings.CACHE_DIR = tmp_path, tmp_path / "cache"
    settings.ENGINE, settings.DTYPE = "auto", "bf16"
    tiny.write_transformers(tmp_path / card.repo.replace("/", "--"))
    served_models.load([card])

    process.announce()

    assert Worker.objects.get(name=process.name()).engines == {
        card.repo: {"engine": "torch", "precision": "bfloat16", "note": "DTYPE is bf16"}
    }
    served_models.clear()
