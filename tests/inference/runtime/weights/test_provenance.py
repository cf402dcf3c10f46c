"""A commit is only named for weights that were compared with the hub's own hashes of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from inference.runtime import loading
from inference.runtime.encoder import Encoder
from inference.runtime.errors import WeightsUnusable
from inference.runtime.loading import Options
from inference.runtime.weights import layout, provenance, store
from inference.runtime.weights.fingerprint import fingerprint
from tests.fakes.weights_hub import Hub, serving
from tests.inference.runtime.conftest import CONSE_SPEC, REVISION, TRANSFORMERS_SPEC


@pytest.fixture(autouse=True)
def _empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(model_dir: Path) -> Iterator[Hub]:
    folder = model_dir / TRANSFORMERS_SPEC.folder
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with serving(Hub(TRANSFORMERS_SPEC.repo, REVISION, files)) as hub:
        yield hub


@pytest.fixture
def copied(model_dir: Path, tmp_path: Path) -> Path:
    """A folder that was placed by hand, with a REVISION that says what somebody wished."""
    folder = tmp_path / TRANSFORMERS_SPEC.folder
    shutil.copytree(model_dir / TRANSFORMERS_SPEC.folder, folder)
    (folder / "REVISION").write_text(REVISION)
    return folder


def load(tmp_path: Path, **options: object) -> Encoder:
    return loading.load(
        TRANSFORMERS_SPEC,
        model_dir=tmp_path,
        cache_dir=tmp_path / "cache",
        options=Options(**options),  # type: ignore[arg-type]  # a few of its fields
    )


def local(folder: Path, tmp_path: Path) -> str:
    files = layout.files_read(TRANSFORMERS_SPEC, folder)
    return f"local:{fingerprint(files, tmp_path / 'cache')}"


def change_weights(folder: Path) -> None:
    state = {name: t.clone() for name, t in load_file(folder / "model.safetensors").items()}
    state["text_projection.weight"] += 0.01
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def test_what_was_fetched_and_compared_is_its_commit(hub: Hub, tmp_path: Path) -> None:
    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert load(tmp_path).revision == REVISION


def test_a_folder_placed_by_hand_is_local_whatever_it_says(copied: Path, tmp_path: Path) -> None:
    assert load(tmp_path).revision == local(copied, tmp_path)


@pytest.mark.parametrize("change", ["weights", "tokenizer", "one more file"])
def test_fetched_files_that_were_changed_are_local(hub: Hub, tmp_path: Path, change: str) -> None:
    folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)
    match change:
        case "weights":
            change_weights(folder)
        case "tokenizer":
            path = folder / "tokenizer_config.json"
            path.write_text(path.read_text() + "\n")
        case _:
            (folder / "special_tokens_map.json").write_text("{}")

    assert load(tmp_path).revision == local(folder, tmp_path)


def test_the_record_of_another_repository_counts_for_nothing(hub: Hub, tmp_path: Path) -> None:
    folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)
    files = layout.files_read(TRANSFORMERS_SPEC, folder)

    assert provenance.revision_of("tiny/other", folder, files, tmp_path).startswith("local:")


@pytest.mark.parametrize("content", ["", "[", "[]", '{"repo": 1}', '{"sha256": null}'])
def test_a_damaged_record_verifies_nothing(hub: Hub, tmp_path: Path, content: str) -> None:
    folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)
    (folder / "VERIFIED").write_text(content)
    files = layout.files_read(TRANSFORMERS_SPEC, folder)

    revision = provenance.revision_of(TRANSFORMERS_SPEC.repo, folder, files, tmp_path)

    assert revision.startswith("local:")


def test_a_hub_without_hashes_verifies_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.has_hashes = False

    folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert load(tmp_path).revision == local(folder, tmp_path)


def test_a_small_file_that_is_not_the_commit_s_is_deleted(hub: Hub, tmp_path: Path) -> None:
    partial = tmp_path / ".partial" / f"{TRANSFORMERS_SPEC.folder}@{REVISION}"
    hub.altered["merges.txt"] = b"#version: 0.2\na b\n"

    with pytest.raises(WeightsUnusable, match=r"merges\.txt of .* damaged"):
        store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None
    assert not (partial / "merges.txt").exists()
    hub.altered.clear()
    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)
    assert load(tmp_path).revision == REVISION


def test_fetching_compares_a_folder_that_is_here_already(
    hub: Hub, copied: Path, tmp_path: Path
) -> None:
    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert hub.downloads == []
    assert load(tmp_path).revision == REVISION


def test_a_folder_that_is_here_and_differs_is_left_as_it_is(
    hub: Hub, copied: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change_weights(copied)

    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert load(tmp_path).revision == local(copied, tmp_path)
    assert "files=model.safetensors" in caplog.text


def test_the_stand_in_is_no_commit(conse_encoder: Encoder) -> None:
    assert CONSE_SPEC.revision == REVISION
    assert conse_encoder.revision.startswith("local:")
    assert conse_encoder.fingerprint


def test_all_that_vectors_depend_on_is_in_the_fingerprint(copied: Path, tmp_path: Path) -> None:
    first = load(tmp_path).fingerprint
    others = [load(tmp_path, is_packed=False).fingerprint, load(tmp_path, dtype="bf16").fingerprint]
    path = copied / "tokenizer_config.json"
    path.write_text(path.read_text() + "\n")
    others.append(load(tmp_path).fingerprint)
    change_weights(copied)
    others.append(load(tmp_path).fingerprint)

    assert len({first, *others}) == 5
    assert load(tmp_path).fingerprint == others[-1]
