"""A text tower of another repository's configuration: pinned when fetched, local at load."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference.runtime import loading
from inference.runtime.architecture import text_tower
from inference.runtime.encoders import open_clip_model
from inference.runtime.errors import HubUnreachable, WeightsUnusable
from inference.runtime.weights import layout, store
from tests.fakes.weights_hub import Hub, serving
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, REVISION
from tests.inference.runtime.tiny_models import families

TOWER = "lab/tiny-roberta"
TOWER_REVISION = "b" * 40
TEXTS = ["a cat", "a photo of a dog!"]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A model with its text tower's configuration at a path on this machine."""
    config = families.OPEN_CLIP_TEXTS["roberta mean"]
    return families.write_open_clip(config, tmp_path / "published")


def name_tower(folder: Path, name: object) -> None:
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["text_cfg"]["hf_model_name"] = name
    path.write_text(json.dumps(config))


@pytest.fixture
def hub(published: Path, tmp_path: Path) -> Iterator[Hub]:
    """Serves the model, which names its text tower as a repository, and that one."""
    folder = Path(shutil.copytree(published, tmp_path / "on-hub"))
    name_tower(folder, TOWER)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    config = (published / "tower" / "config.json").read_bytes()
    other = {"config.json": config, "pytorch_model.bin": b"pickle", "modeling.py": b"raise"}
    tower = Hub(TOWER, TOWER_REVISION, other)
    with serving(Hub(OPEN_CLIP_SPEC.repo, REVISION, files, others=(tower,))) as hub:
        yield hub


def test_it_is_fetched_at_a_commit_and_loads_without_a_hub(
    hub: Hub, published: Path, tmp_path: Path
) -> None:
    folder = store.fetch(OPEN_CLIP_SPEC, tmp_path / "models", endpoint=hub.endpoint)

    assert {path for path, _ in hub.others[0].downloads} == {"config.json"}
    assert (folder / "text_tower" / "REVISION").read_text() == f"{TOWER} {TOWER_REVISION}"
    encoder = loading.load(OPEN_CLIP_SPEC, model_dir=tmp_path / "models", cache_dir=tmp_path)
    expected = open_clip_model.load(OPEN_CLIP_SPEC, published).encode_texts(TEXTS)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=1e-5)


def test_its_configuration_is_among_the_files_that_change_an_answer(
    hub: Hub, tmp_path: Path
) -> None:
    folder = store.fetch(OPEN_CLIP_SPEC, tmp_path / "models", endpoint=hub.endpoint)

    assert folder / "text_tower" / "config.json" in layout.files_read(OPEN_CLIP_SPEC, folder)


def test_a_model_that_was_fetched_without_it_gets_it(hub: Hub, tmp_path: Path) -> None:
    folder = store.fetch(OPEN_CLIP_SPEC, tmp_path, endpoint=hub.endpoint)
    shutil.rmtree(folder / "text_tower")
    hub.downloads.clear()

    store.fetch(OPEN_CLIP_SPEC, tmp_path, endpoint=hub.endpoint)

    assert (folder / "text_tower" / "config.json").is_file()
    assert hub.downloads == []


def test_a_hub_that_does_not_show_it_leaves_nothing_to_serve(hub: Hub, tmp_path: Path) -> None:
    hub.others = ()

    with pytest.raises(WeightsUnusable, match=TOWER):
        store.fetch(OPEN_CLIP_SPEC, tmp_path / "models", endpoint=hub.endpoint)

    assert store.find(OPEN_CLIP_SPEC, tmp_path / "models") is None


def test_a_folder_without_it_is_refused_by_name(published: Path) -> None:
    name_tower(published, TOWER)

    with pytest.raises(WeightsUnusable, match=rf"the config\.json of {TOWER}, .*text_tower/"):
        open_clip_model.load(OPEN_CLIP_SPEC, published)


@pytest.mark.parametrize("name", ["../tower", "a/b/c", "-x", ".", "", None, 7, ["roberta-base"]])
def test_a_name_of_no_repository_is_never_asked_for(name: object, published: Path) -> None:
    name_tower(published, name)

    with pytest.raises(WeightsUnusable):
        open_clip_model.load(OPEN_CLIP_SPEC, published)


def test_an_image_tower_of_a_hub_is_refused_by_name(tmp_path: Path) -> None:
    folder = families.write_open_clip(families.OPEN_CLIP_TEXTS["clip eos"], tmp_path / "model")
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["vision_cfg"]["timm_model_name"] = "hf-hub:lab/vit"
    path.write_text(json.dumps(config))

    with pytest.raises(WeightsUnusable, match="timm_model_name 'hf-hub:lab/vit'"):
        open_clip_model.load(OPEN_CLIP_SPEC, folder)


def test_an_unreachable_hub_is_named(published: Path, tmp_path: Path) -> None:
    name_tower(published, TOWER)

    with pytest.raises(HubUnreachable, match=TOWER):
        text_tower.fetch(published, endpoint="http://127.0.0.1:9")
