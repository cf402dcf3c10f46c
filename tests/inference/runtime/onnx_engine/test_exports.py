"""Exports for onnxruntime: the published model's vectors, made once, whole, within a bound."""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.runtime import loading
from inference.runtime.encoder import Encoder
from inference.runtime.errors import WeightsUnusable
from inference.runtime.loading import Options
from inference.runtime.onnx_engine import manifest, preparing
from inference.runtime.onnx_engine.request import Engine, Precision
from inference.runtime.spec import ModelSpec
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, SIGLIP_SPEC, TRANSFORMERS_SPEC
from tests.inference.runtime.texts.typed import TYPED
from tests.inference.runtime.tiny_models import tiny_siglip

ONNX = Options(engine=Engine.ONNXRUNTIME)
INT8 = replace(ONNX, precision=Precision.INT8)

Load = Callable[..., Encoder]


@pytest.fixture(scope="module")
def load(model_dir: Path, cache_dir: Path) -> Load:
    """Keeps exports from one test to the next, as a machine does."""

    def load(spec: ModelSpec, options: Options = ONNX) -> Encoder:
        return loading.load(spec, model_dir=model_dir, cache_dir=cache_dir, options=options)

    return load


@pytest.fixture
def own_cache(load: Load, cache_dir: Path, tmp_path: Path) -> Path:
    """A copy of the cache with one export, of TRANSFORMERS_SPEC."""
    load(TRANSFORMERS_SPEC)
    shutil.copytree(cache_dir, tmp_path / "cache")
    return tmp_path / "cache"


def export_of(cache: Path, encoder: Encoder) -> Path:
    return cache / "onnx" / encoder.fingerprint


@pytest.mark.parametrize("spec", [TRANSFORMERS_SPEC, OPEN_CLIP_SPEC])
def test_vectors_are_those_of_torch(
    spec: ModelSpec, load: Load, picture: Callable[..., Image.Image]
) -> None:
    pictures = [picture(40 + n, 50, seed=n) for n in range(19)]  # several passes side by side
    exported, of_torch = load(spec), load(spec, Options())

    assert (exported.engine, exported.precision) == ("onnxruntime", "float32")
    np.testing.assert_allclose(
        exported.encode_images(pictures), of_torch.encode_images(pictures), atol=1e-5
    )
    np.testing.assert_allclose(
        exported.encode_texts(TYPED), of_torch.encode_texts(TYPED), atol=1e-5
    )
    assert exported.count_tokens(TYPED) == of_torch.count_tokens(TYPED)
    assert exported.logit_scale == of_torch.logit_scale
    assert exported.preprocessing == of_torch.preprocessing


def test_vectors_of_siglip_2_are_those_of_torch(model_dir: Path, load: Load) -> None:
    spec = replace(SIGLIP_SPEC, repo="tiny/siglip-for-onnx")
    tiny_siglip.write_siglip_2(model_dir / spec.folder)
    exported, of_torch = load(spec), load(spec, Options())

    assert exported.engine == "onnxruntime"
    assert (exported.logit_bias, exported.is_sigmoid) == (of_torch.logit_bias, True)
    np.testing.assert_allclose(
        exported.encode_texts(TYPED), of_torch.encode_texts(TYPED), atol=1e-5
    )


def test_a_second_start_makes_nothing_anew(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    load(TRANSFORMERS_SPEC)
    caplog.set_level(logging.INFO)

    load(TRANSFORMERS_SPEC)

    assert "exporting" not in caplog.text


def test_no_library_of_torch_is_in_the_process(own_cache: Path, model_dir: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from inference.runtime import loading\n"
        "from inference.runtime.onnx_engine.request import Engine\n"
        "from inference.runtime.spec import Loader, ModelSpec\n"
        f"spec = ModelSpec(repo={TRANSFORMERS_SPEC.repo!r}, loader=Loader.TRANSFORMERS,"
        f" open_clip_model='', revision={TRANSFORMERS_SPEC.revision!r})\n"
        "options = loading.Options(engine=Engine.ONNXRUNTIME)\n"
        f"encoder = loading.load(spec, model_dir=Path({str(model_dir)!r}),"
        f" cache_dir=Path({str(own_cache)!r}), options=options)\n"
        "loading.warm_up(encoder)\n"
        "libraries = {'torch', 'transformers', 'open_clip', 'onnx'}\n"
        "print(encoder.engine, *(libraries & set(sys.modules)))"
    )
    # The same folders under the same names: exports are found again by what they were made of.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["onnxruntime"]


@pytest.mark.parametrize("damage", ["half", "missing", "version", "manifest"])
def test_what_is_not_whole_is_made_anew(
    damage: str, own_cache: Path, model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> Encoder:
        return loading.load(
            TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=own_cache, options=ONNX
        )

    folder = export_of(own_cache, load())
    _damage(folder, damage)
    caplog.set_level(logging.INFO)

    encoder = load()

    assert encoder.engine == "onnxruntime"
    assert "exporting" in caplog.text
    assert manifest.read(folder) is not None


def _damage(folder: Path, how: str) -> None:
    path, note = folder / "image.onnx.weights", folder / manifest.NAME
    if how == "half":
        path.write_bytes(path.read_bytes()[:1000])
    elif how == "missing":
        path.unlink()
    elif how == "version":
        note.write_text(json.dumps(json.loads(note.read_text()) | {"version": 0}))
    else:
        note.write_text("{")


def test_what_onnxruntime_cannot_read_is_served_by_torch_and_made_anew_next_time(
    own_cache: Path, model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> Encoder:
        return loading.load(
            TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=own_cache, options=ONNX
        )

    graph = export_of(own_cache, load()) / "text.onnx"
    graph.write_bytes(b"\0" * graph.stat().st_size)

    by_torch, again = load(), load()

    assert by_torch.engine == "torch"
    assert "the export cannot be used" in by_torch.engine_note
    assert "torch serves model=tiny/transformers" in caplog.text
    assert again.engine == "onnxruntime"


def test_workers_that_start_together_make_one_export(
    model_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def load(_: int) -> Encoder:
        return loading.load(
            TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=tmp_path, options=ONNX
        )

    with ThreadPoolExecutor(2) as pool:
        engines = [encoder.engine for encoder in pool.map(load, range(2))]

    assert engines == ["onnxruntime", "onnxruntime"]
    assert caplog.text.count("exporting for onnxruntime") == 1


def test_a_cache_that_cannot_be_written_keeps_torch(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "onnx").touch()

    encoder = loading.load(TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=tmp_path, options=ONNX)

    assert encoder.engine == "torch"
    assert "no export: " in encoder.engine_note


def test_an_export_that_memory_does_not_suffice_for_is_not_begun(
    model_dir: Path, tmp_path: Path
) -> None:
    folder = model_dir / TRANSFORMERS_SPEC.folder
    request = loading.export_request(TRANSFORMERS_SPEC, folder, tmp_path, ONNX)

    found = preparing.prepare(request, weight_bytes=10**15, cache_bytes=0)

    assert "an export needs 4000000.0 GB of memory" in found.reason
    assert not request.target.exists()


def test_a_child_that_ends_early_leaves_nothing_and_is_named(
    model_dir: Path, tmp_path: Path
) -> None:
    folder = model_dir / TRANSFORMERS_SPEC.folder
    request = loading.export_request(TRANSFORMERS_SPEC, folder, tmp_path, ONNX)
    lost = replace(request, spec=replace(request.spec, repo="tiny/lost"), folder=tmp_path / "no")

    found = preparing.prepare(lost, weight_bytes=0, cache_bytes=0)

    assert found.reason
    assert [path.name for path in (tmp_path / "onnx").iterdir() if path.is_dir()] == []


def test_a_model_that_cannot_be_exported_is_served_by_torch_which_says_why(
    load: Load, model_dir: Path
) -> None:
    spec = replace(SIGLIP_SPEC, repo="tiny/siglip-of-sentencepiece")
    tiny_siglip.write_siglip(model_dir / spec.folder)

    encoder = load(spec)

    assert encoder.engine == "torch"
    assert "SiglipTokenizer" in encoder.engine_note


def test_another_dtype_keeps_torch(load: Load) -> None:
    assert load(TRANSFORMERS_SPEC, replace(ONNX, dtype="bf16")).engine_note == "DTYPE is bf16"


def test_weights_that_torch_refuses_are_refused(load: Load, model_dir: Path) -> None:
    spec = replace(TRANSFORMERS_SPEC, repo="tiny/broken")
    shutil.copytree(model_dir / TRANSFORMERS_SPEC.folder, model_dir / spec.folder)
    path = model_dir / spec.folder / "config.json"
    config = json.loads(path.read_text())
    config["vision_config"]["num_hidden_layers"] = 1
    path.write_text(json.dumps(config))

    with pytest.raises(WeightsUnusable, match="unexpected tensors"):
        load(spec)


def test_the_faster_engine_serves(load: Load, own_cache: Path) -> None:
    encoder = load(TRANSFORMERS_SPEC, Options(engine=Engine.AUTO))

    slower = "torch is faster here" in encoder.engine_note
    assert encoder.engine == ("torch" if slower else "onnxruntime")


# --- int8 ---


def test_int8_is_measured_on_many_pictures(load: Load, model_dir: Path) -> None:
    encoder = load(TRANSFORMERS_SPEC, INT8)

    assert encoder.precision == "int8"
    assert encoder.agreement is not None
    assert encoder.agreement.images >= 200
    assert 0.99 <= encoder.agreement.cosine_min <= encoder.agreement.cosine_median < 0.999999
    assert 0 < encoder.agreement.top1 <= 1


def test_int8_and_float32_share_no_cached_text(load: Load) -> None:
    options = [ONNX, INT8, Options()]

    assert len({load(TRANSFORMERS_SPEC, each).fingerprint for each in options}) == 3


def test_int8_without_an_export_is_refused(load: Load, model_dir: Path) -> None:
    spec = replace(SIGLIP_SPEC, repo="tiny/siglip-of-sentencepiece-in-int8")
    tiny_siglip.write_siglip(model_dir / spec.folder)

    with pytest.raises(WeightsUnusable, match=r"cannot be served in int8.*SiglipTokenizer"):
        load(spec, INT8)


def test_int8_is_refused_where_it_is_too_far_from_float32(
    load: Load, cache_dir: Path, model_dir: Path, tmp_path: Path
) -> None:
    # As if it had been measured so: what the manifest says is what counts at every start.
    folder = export_of(cache_dir, load(TRANSFORMERS_SPEC, INT8))
    shutil.copytree(cache_dir, tmp_path / "cache")
    note = tmp_path / "cache" / "onnx" / folder.name / manifest.NAME
    reason = "int8 is too far from float32: cosine 0.9800 at the least on 200 images, not 0.99"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"reason": reason}))

    with pytest.raises(WeightsUnusable, match=r"cosine 0\.9800 .* Take it out of PRECISION"):
        loading.load(
            TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=tmp_path / "cache", options=INT8
        )


# --- the folder of exports ---


def an_export(root: Path, name: str, *, megabytes: int, age_s: float) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "image.onnx.weights").write_bytes(b"\0" * megabytes * 1_000_000)
    os.utime(folder, (time.time() - age_s,) * 2)
    return folder


def test_the_least_recently_used_exports_go_first(own_cache: Path, model_dir: Path) -> None:
    root = own_cache / "onnx"
    old = an_export(root, "a" * 64, megabytes=3, age_s=9000)
    new = an_export(root, "b" * 64, megabytes=3, age_s=60)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())

    encoder = loading.load(
        TRANSFORMERS_SPEC,
        model_dir=model_dir,
        cache_dir=own_cache,
        options=replace(ONNX, export_bytes=size - 1_000_000),
    )

    assert not old.exists()
    assert new.is_dir()
    assert export_of(own_cache, encoder).is_dir()


def test_the_export_in_use_stays_whatever_the_bound(own_cache: Path, model_dir: Path) -> None:
    encoder = loading.load(
        TRANSFORMERS_SPEC,
        model_dir=model_dir,
        cache_dir=own_cache,
        options=replace(ONNX, export_bytes=1),
    )

    assert export_of(own_cache, encoder).is_dir()


def test_what_broken_exports_have_left_is_deleted(own_cache: Path, model_dir: Path) -> None:
    root = own_cache / "onnx"
    left = an_export(root, "export-x.partial", megabytes=1, age_s=preparing.PARTIAL_AFTER_S + 60)
    under_way = an_export(root, "export-y.partial", megabytes=1, age_s=60)

    loading.load(TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=own_cache, options=ONNX)

    assert not left.exists()
    assert under_way.is_dir()
