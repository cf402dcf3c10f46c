"""Weights in several files with an index, on disk and from a hub that runs in the test."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from inference.runtime import loading
from inference.runtime.cpu.mapped_embedding import MappedEmbedding
from inference.runtime.encoder import Encoder
from inference.runtime.errors import HubUnreachable, WeightsUnusable
from inference.runtime.weights import shards, store
from tests.fakes.weights_hub import Hub, serving
from tests.inference.runtime.conftest import REVISION, TRANSFORMERS_SPEC

TEXTS = ["a cat", "a photo of a dog!"]
NAMES = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


@pytest.fixture(autouse=True)
def _empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def files(model_dir: Path) -> dict[str, bytes]:
    """The tiny model's files, with its weights in two."""
    folder = model_dir / TRANSFORMERS_SPEC.folder
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    del files["model.safetensors"]
    state = load_file(folder / "model.safetensors")
    weight_map = {name: NAMES[number % 2] for number, name in enumerate(sorted(state))}
    for name in NAMES:
        part = {tensor: state[tensor] for tensor, file in weight_map.items() if file == name}
        save_file(part, folder.parent / name, metadata={"format": "pt"})
        files[name] = (folder.parent / name).read_bytes()
        (folder.parent / name).unlink()
    files[shards.INDEX] = json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
    return files


@pytest.fixture
def hub(files: dict[str, bytes]) -> Iterator[Hub]:
    unwanted = {"pytorch_model.bin": b"pickle", "other.safetensors": b"another model"}
    with serving(Hub(TRANSFORMERS_SPEC.repo, REVISION, files | unwanted)) as hub:
        yield hub


@pytest.fixture
def folder(files: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / TRANSFORMERS_SPEC.folder
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_shards_are_fetched_found_and_loaded(
    hub: Hub, tmp_path: Path, transformers_encoder: Encoder
) -> None:
    folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert folder == store.find(TRANSFORMERS_SPEC, tmp_path)
    assert {*NAMES, shards.INDEX} < hub.downloaded()
    assert not {"pytorch_model.bin", "other.safetensors"} & hub.downloaded()
    encoder = loading.load(TRANSFORMERS_SPEC, model_dir=tmp_path, cache_dir=tmp_path)
    expected = transformers_encoder.encode_texts(TEXTS)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=1e-6)
    assert encoder.logit_scale == transformers_encoder.logit_scale


def test_the_vocabulary_of_shards_stays_in_its_file_and_their_size_is_known(folder: Path) -> None:
    encoder = loading.load(TRANSFORMERS_SPEC, model_dir=folder.parent, cache_dir=folder.parent)

    model: torch.nn.Module = encoder._model  # type: ignore[attr-defined]
    assert any(isinstance(module, MappedEmbedding) for module in model.modules())
    options = loading.Options()
    expected = loading.expected_bytes(TRANSFORMERS_SPEC, model_dir=folder.parent, options=options)
    assert expected == encoder.parameter_bytes


def test_a_fetch_that_broke_off_does_not_fetch_whole_shards_again(hub: Hub, tmp_path: Path) -> None:
    second = hub.files.pop(NAMES[1])
    with pytest.raises((HubUnreachable, WeightsUnusable)):
        store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)
    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None

    hub.files[NAMES[1]] = second
    hub.downloads.clear()
    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert NAMES[0] not in hub.downloaded()
    assert NAMES[1] in hub.downloaded()


def test_a_folder_that_lacks_a_shard_is_not_found(folder: Path) -> None:
    (folder / NAMES[1]).unlink()

    assert store.find(TRANSFORMERS_SPEC, folder.parent) is None


@pytest.mark.parametrize(
    "content",
    [
        "null",
        "{}",
        "{",
        '{"weight_map": {}}',
        '{"weight_map": {"a": 7}}',
        '{"weight_map": {"a": "../other/model.safetensors"}}',
        '{"weight_map": {"a": "/etc/model.safetensors"}}',
        '{"weight_map": {"a": "pytorch_model.bin"}}',
    ],
)
def test_a_strange_index_is_named_and_read_no_further(
    hub: Hub, folder: Path, tmp_path: Path, content: str
) -> None:
    (folder / shards.INDEX).write_text(content)
    hub.files[shards.INDEX] = content.encode()

    with pytest.raises(WeightsUnusable, match=r"model\.safetensors\.index\.json"):
        loading.load(TRANSFORMERS_SPEC, model_dir=folder.parent, cache_dir=tmp_path)
    with pytest.raises(WeightsUnusable, match=r"model\.safetensors\.index\.json"):
        store.fetch(TRANSFORMERS_SPEC, tmp_path / "fetched", endpoint=hub.endpoint)
    assert not {name for name in hub.downloaded() if name.endswith((".safetensors", ".bin"))}
