"""An encoder is compared with its library before it is served, and the verdict is remembered."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from inference.runtime import loading
from inference.runtime.cpu import lanes, mapped_embedding, packing
from inference.runtime.cpu.packed_linear import PackedLinear
from inference.runtime.encoder import Encoder
from inference.runtime.encoders import open_clip_text, plain, transformers_model
from inference.runtime.encoders.clip_tower import ClipEncoder
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images import resizing
from inference.runtime.images.preprocessing import Method
from inference.runtime.self_check import check
from inference.runtime.spec import ModelSpec
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, TRANSFORMERS_SPEC, smooth_noise

SPECS = pytest.mark.parametrize("spec", [TRANSFORMERS_SPEC, OPEN_CLIP_SPEC], ids=lambda s: s.repo)
TEXTS = ["a cat", "a photo of a dog!"]
PICTURES = [smooth_noise(50, 40, seed=seed) for seed in range(7)]
Load = Callable[..., Encoder]


@pytest.fixture
def load(model_dir: Path, tmp_path: Path) -> Load:
    """Loads with a memory of its own, and so judges anew."""

    def load(spec: ModelSpec, **options: Any) -> Encoder:
        return loading.load(
            spec, model_dir=model_dir, cache_dir=tmp_path, options=loading.Options(**options)
        )

    return load


@pytest.fixture(autouse=True)
def _two_threads() -> None:
    torch.set_num_threads(2)


def verdicts(folder: Path) -> list[Any]:
    return [json.loads(path.read_text()) for path in (folder / "self-checks").glob("*.json")]


def assert_right(encoder: Encoder, spec: ModelSpec, model_dir: Path) -> None:
    library = plain.load(spec.loader, model_dir / spec.folder)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), library.texts(TEXTS), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(PICTURES), library.images(PICTURES), atol=1e-5)


@SPECS
def test_a_right_encoder_is_served_with_every_shortcut(
    spec: ModelSpec, load: Load, model_dir: Path, tmp_path: Path
) -> None:
    encoder = load(spec)

    assert_right(encoder, spec, model_dir)
    assert verdicts(tmp_path) == [{"off": [], "refusal": ""}]


@SPECS
def test_wrong_packing_is_switched_off_and_logged(
    spec: ModelSpec,
    load: Load,
    model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(PackedLinear, "forward", lambda self, rows: 1.01 * rows @ self.weight.T)

    encoder = load(spec)

    assert_right(encoder, spec, model_dir)
    assert verdicts(tmp_path) == [{"off": ["packed"], "refusal": ""}]
    assert f"switched off model={spec.repo} shortcuts=packed" in caplog.text


@SPECS
def test_wrong_lanes_are_switched_off(
    spec: ModelSpec,
    load: Load,
    model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spread = lanes.spread
    monkeypatch.setattr(lanes, "spread", lambda encode, inputs: spread(encode, inputs)[::-1])

    encoder = load(spec)

    assert_right(encoder, spec, model_dir)
    assert verdicts(tmp_path) == [{"off": ["lanes"], "refusal": ""}]


@SPECS
def test_a_wrong_vocabulary_in_the_file_is_switched_off(
    spec: ModelSpec,
    load: Load,
    model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = mapped_embedding._table
    monkeypatch.setattr(torch, "equal", lambda *_: True)
    monkeypatch.setattr(mapped_embedding, "_table", lambda *place: table(*place).roll(1, 0))

    encoder = load(spec)

    assert_right(encoder, spec, model_dir)
    assert verdicts(tmp_path)[0]["off"] == ["mapped"]


def test_texts_cut_in_the_wrong_place_are_read_in_full(
    load: Load, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        open_clip_text, "_read_positions", lambda _, tokens: tokens.argmax(dim=-1) // 2
    )

    encoder = load(OPEN_CLIP_SPEC)

    assert_right(encoder, OPEN_CLIP_SPEC, model_dir)
    assert verdicts(tmp_path) == [{"off": ["cut_texts"], "refusal": ""}]


def test_wrong_fast_pixels_are_switched_off(
    load: Load, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_torch = resizing.by_torch

    def upside_down(*args: Any, **options: Any) -> Image.Image:
        return by_torch(*args, **options).transpose(Image.Transpose.FLIP_TOP_BOTTOM)

    monkeypatch.setattr(resizing, "by_torch", upside_down)

    encoder = load(TRANSFORMERS_SPEC, preprocessing=Method.FAST)

    assert encoder.preprocessing.method is Method.EXACT
    assert_right(encoder, TRANSFORMERS_SPEC, model_dir)
    assert verdicts(tmp_path) == [{"off": ["fast_images"], "refusal": ""}]


def test_two_wrong_shortcuts_leave_none(
    load: Load, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PackedLinear, "forward", lambda self, rows: 1.01 * rows @ self.weight.T)
    spread = lanes.spread
    monkeypatch.setattr(lanes, "spread", lambda encode, inputs: spread(encode, inputs)[::-1])

    encoder = load(TRANSFORMERS_SPEC)

    assert_right(encoder, TRANSFORMERS_SPEC, model_dir)
    assert verdicts(tmp_path)[0]["off"] == ["cut_texts", "lanes", "mapped", "packed"]


def test_a_shortcut_that_fails_is_switched_off(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: PackedLinear, rows: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(PackedLinear, "forward", fail)

    load(TRANSFORMERS_SPEC)

    assert verdicts(tmp_path) == [{"off": ["packed"], "refusal": ""}]


@pytest.fixture
def wrong_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours that no shortcut makes: every encoder sees darker pixels."""
    encode = ClipEncoder._encode_images
    monkeypatch.setattr(
        ClipEncoder,
        "_encode_images",
        lambda self, images: encode(self, [image.point(lambda v: v // 2) for image in images]),
    )


@SPECS
def test_an_encoder_that_differs_without_shortcuts_is_not_served(
    spec: ModelSpec, load: Load, wrong_scaling: None
) -> None:
    with pytest.raises(WeightsUnusable, match=rf"{spec.repo} differs from .*: images by"):
        load(spec)


def test_a_refusal_is_remembered(
    load: Load, wrong_scaling: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsUnusable):
        load(TRANSFORMERS_SPEC)
    monkeypatch.setattr(transformers_model, "load", lambda *_, **__: pytest.fail("built again"))

    with pytest.raises(WeightsUnusable, match="differs from transformers"):
        load(TRANSFORMERS_SPEC)


@SPECS
def test_a_second_start_compares_nothing(
    spec: ModelSpec, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(spec)
    monkeypatch.setattr(plain, "load", lambda *_: pytest.fail("compared again"))

    second = load(spec)

    np.testing.assert_array_equal(second.encode_texts(TEXTS), first.encode_texts(TEXTS))


def test_what_was_switched_off_stays_off_at_a_second_start(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PackedLinear, "forward", lambda self, rows: rows @ self.weight.T + 1)
        load(TRANSFORMERS_SPEC)
    monkeypatch.setattr(packing, "pack", lambda *_: pytest.fail("packed"))

    load(TRANSFORMERS_SPEC)


def test_other_weights_other_settings_and_a_damaged_memory_are_judged_anew(
    model_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / TRANSFORMERS_SPEC.folder
    shutil.copytree(model_dir / TRANSFORMERS_SPEC.folder, folder)

    def judged(**options: Any) -> int:
        loading.load(
            TRANSFORMERS_SPEC,
            model_dir=tmp_path / "models",
            cache_dir=tmp_path,
            options=loading.Options(**options),
        )
        return len(verdicts(tmp_path))

    assert judged() == judged() == 1
    assert judged(is_packed=False) == 2
    state = {name: t.clone() for name, t in load_file(folder / "model.safetensors").items()}
    state["text_projection.weight"] += 1
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    assert judged() == 3

    for path in (tmp_path / "self-checks").iterdir():
        path.write_text("[")
    assert loading.load(TRANSFORMERS_SPEC, model_dir=tmp_path / "models", cache_dir=tmp_path)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_a_cast_encoder_has_a_wider_tolerance(dtype: str, load: Load, tmp_path: Path) -> None:
    load(OPEN_CLIP_SPEC, dtype=dtype)

    assert verdicts(tmp_path) == [{"off": [], "refusal": ""}]


def test_weights_that_give_no_numbers_are_not_served(model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / OPEN_CLIP_SPEC.folder
    shutil.copytree(model_dir / OPEN_CLIP_SPEC.folder, folder)
    path = folder / "open_clip_model.safetensors"
    state = {name: tensor.clone() for name, tensor in load_file(path).items()}
    state["visual.ln_post.weight"].fill_(torch.nan)
    save_file(state, path)

    with pytest.raises(WeightsUnusable, match="images by nan"):
        loading.load(OPEN_CLIP_SPEC, model_dir=tmp_path, cache_dir=tmp_path)


def test_a_lack_of_memory_is_no_verdict(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ClipEncoder, images: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ClipEncoder, "_encode_images", fail)

    with pytest.raises(WeightsUnusable, match="does not fit into cpu"):
        load(TRANSFORMERS_SPEC)
    assert not (tmp_path / "self-checks").exists()


def test_a_memory_that_cannot_be_written_does_not_stop_a_model(
    model_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("no folder")

    encoder = loading.load(OPEN_CLIP_SPEC, model_dir=model_dir, cache_dir=blocked)

    assert_right(encoder, OPEN_CLIP_SPEC, model_dir)
    assert "not remembered" in caplog.text


def test_the_checked_images_fill_two_lanes() -> None:
    assert len(check.images(32)) >= 2 * lanes.MIN_PASS
