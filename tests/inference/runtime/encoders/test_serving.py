"""A worker with more models than its memory holds."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils.html import escape
from pytest_django import Settings

from catalog.models import ModelCard
from inference.models import Worker
from inference.runtime import loading
from inference.runtime.errors import EncoderError
from inference.runtime.images.preprocessing import Method
from inference.worker import process, served_models
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
    served_models.clear()


def loaded() -> list[str]:
    return list(served_models.loaded())


def room_for_two(settings: Settings, card: ModelCard) -> None:
    size = served_models.expected_bytes(card)
    settings.MODEL_MEMORY_MB = int(2.5 * size / MEGABYTE)


def test_all_models_are_loaded_where_there_is_no_limit(cards: list[ModelCard]) -> None:
    assert served_models.load(cards) == []

    assert loaded() == sorted(REPOS)


def test_the_size_is_known_before_loading(cards: list[ModelCard]) -> None:
    served_models.load(cards[:1])

    encoder = served_models.get(cards[0]).cache.encoder

    assert served_models.expected_bytes(cards[0]) == encoder.parameter_bytes > 12_000_000


def test_what_does_not_fit_is_loaded_when_it_is_asked_for(
    cards: list[ModelCard], settings: Settings
) -> None:
    room_for_two(settings, cards[0])
    assert served_models.load(cards) == []
    assert loaded() == REPOS[:2]

    served_models.get(cards[0])
    server = served_models.get(cards[2])

    assert server.cache.encoder.repo == REPOS[2]
    assert loaded() == [REPOS[0], REPOS[2]]


def test_what_can_be_loaded_is_announced(cards: list[ModelCard], settings: Settings) -> None:
    room_for_two(settings, cards[0])
    served_models.load(cards)

    process.announce()

    assert Worker.objects.get().repos == sorted(REPOS)


def test_a_model_that_cannot_be_loaded_again_is_withdrawn(
    cards: list[ModelCard], settings: Settings
) -> None:
    room_for_two(settings, cards[0])
    served_models.load(cards)
    left: list[str] = []
    served_models.on_withdrawal.append(left.append)
    shutil.rmtree(settings.MODEL_DIR / "tiny--three")

    with pytest.raises(served_models.NotServed, match="tiny/three"):
        served_models.get(cards[2])

    assert served_models.repos() == sorted(REPOS[:2])
    assert left == [cards[2].queue]
    with pytest.raises(served_models.NotServed, match="does not serve"):
        served_models.get(cards[2])


def test_weights_that_are_missing_do_not_stop_the_others(
    cards: list[ModelCard], settings: Settings
) -> None:
    shutil.rmtree(settings.MODEL_DIR / "tiny--one")

    assert served_models.load(cards) == cards[:1]
    assert loaded() == sorted(REPOS[1:])


def test_missing_weights_are_told_from_a_lack_of_room(
    cards: list[ModelCard], settings: Settings
) -> None:
    room_for_two(settings, cards[0])
    shutil.rmtree(settings.MODEL_DIR / "tiny--three")

    assert served_models.load(cards) == cards[2:]


def test_a_device_that_is_not_there_is_said(
    cards: list[ModelCard], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WORKER_DEVICE = "cuda:63"

    with pytest.raises(EncoderError, match="none of tiny/one"):
        served_models.load(cards[:1])

    assert "torch cannot compute on 'cuda:63'" in caplog.text


def test_the_settings_reach_the_encoder(cards: list[ModelCard], settings: Settings) -> None:
    settings.PREPROCESSING = "fast"
    settings.DTYPE = "bf16"

    served_models.load(cards[:1])

    encoder = served_models.get(cards[0]).cache.encoder
    assert encoder.preprocessing.method is Method.FAST
    assert served_models.loading_options("tiny/one") == loading.Options(
        dtype="bf16",
        preprocessing=Method.FAST,
        photos=settings.BASE_DIR / "static" / "samples",
        export_bytes=20_000 * 1024 * 1024,
    )
    assert encoder.parameter_bytes < 8_000_000


# --- one bad folder ---

DAMAGES = [
    ("config.json", b"null"),
    ("config.json", b"[]"),
    ("config.json", b"{"),
    ("config.json", b'{"vision_config": null, "text_config": null}'),
    ("config.json", b'{"model_type": "clip", "vision_config": {"image_size": null}}'),
    ("preprocessor_config.json", b"null"),
    ("preprocessor_config.json", b'{"size": null, "crop_size": null}'),
    ("tokenizer.json", b"null"),
    ("tokenizer.json", b'{"model": null}'),
    ("model.safetensors", b""),
    ("model.safetensors", b"\xff" * 64),
    ("model.safetensors.index.json", b"null"),
]


@pytest.mark.parametrize(("name", "content"), DAMAGES)
def test_a_bad_folder_takes_only_itself_down(
    cards: list[ModelCard],
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    name: str,
    content: bytes,
) -> None:
    if name == "model.safetensors.index.json":
        (settings.MODEL_DIR / "tiny--two" / "model.safetensors").unlink()
    (settings.MODEL_DIR / "tiny--two" / name).write_bytes(content)

    chosen = served_models.cards_to_serve("auto")
    failed = served_models.load(chosen)

    assert served_models.repos() == ["tiny/one", "tiny/three"]
    assert served_models.get(cards[0]).cache.encoder.repo == "tiny/one"
    if cards[1] in chosen:  # else it does not even look like a model
        assert failed == [cards[1]]
        assert list(served_models.failures()) == ["tiny/two"]
        assert "not serving model=tiny/two" in caplog.text


class Panic(BaseException):
    """As a panic of Rust code is, which tokenizers and safetensors may raise."""


@pytest.mark.parametrize("error", [ValueError, KeyError, MemoryError, RecursionError, Panic])
def test_whatever_is_raised_ends_one_model(
    cards: list[ModelCard], caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    def broken() -> None:
        raise error("something broke")

    with served_models.failing_alone(cards[1]) as attempt:
        broken()

    assert attempt.has_failed
    [reason] = served_models.failures().values()
    assert reason.startswith(error.__name__)
    assert "something broke" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_worker_can_still_be_stopped(cards: list[ModelCard], error: type[BaseException]) -> None:
    with pytest.raises(error), served_models.failing_alone(cards[1]):
        raise error


def test_staff_read_why_a_model_is_not_served(
    cards: list[ModelCard], settings: Settings, client: Client, admin_client: Client
) -> None:
    (settings.MODEL_DIR / "tiny--two" / "config.json").write_text("null")
    served_models.load(cards)

    process.announce()

    [reason] = Worker.objects.get().failures.values()
    assert reason not in client.get("/readyz").content.decode()
    page = admin_client.get("/admin/fleet/").content.decode()
    assert "tiny/two" in page
    assert escape(reason) in page


def test_a_worker_that_can_serve_nothing_says_why(
    cards: list[ModelCard], settings: Settings
) -> None:
    (settings.MODEL_DIR / "tiny--one" / "config.json").write_text("null")

    with pytest.raises(EncoderError, match="none of tiny/one"):
        served_models.load(cards[:1])

    assert list(served_models.failures()) == ["tiny/one"]
