"""An encoder is compared with its library before it is served, and the verdict is remembered."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from inference.runtime import loading
from inference.runtime.cpu import lanes
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.encoders import plain
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import Method, Preprocessing
from inference.runtime.loading import Options
from inference.runtime.self_check import check
from inference.runtime.self_check.shortcuts import Shortcut
from inference.runtime.spec import ModelSpec
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, TRANSFORMERS_SPEC, smooth_noise

SPECS = pytest.mark.parametrize("spec", [TRANSFORMERS_SPEC, OPEN_CLIP_SPEC], ids=lambda s: s.repo)
TEXTS = ["a cat", "a photo of a dog!"]
PICTURES = [smooth_noise(50, 40, seed=seed) for seed in range(7)]
Load = Callable[..., Encoder]
Change = Callable[[Embeddings], Embeddings]


def same(rows: Embeddings) -> Embeddings:
    return rows


def turned_a_little(rows: Embeddings) -> Embeddings:
    """By twice the distance that is taken for rounding."""
    return rows + np.float32(2 * check.TOLERANCES["float32"] / np.sqrt(rows.shape[1]))


@pytest.fixture
def load(model_dir: Path, tmp_path: Path) -> Load:
    """Loads with a memory of its own, and so judges anew."""

    def load(spec: ModelSpec, build: loading.Build | None = None, **options: Any) -> Encoder:
        return loading.load(
            spec,
            model_dir=model_dir,
            cache_dir=tmp_path,
            options=Options(**options),
            build=build,
        )

    return load


class Changed:
    """An encoder whose vectors come out changed."""

    def __init__(self, encoder: Encoder, *, images: Change = same, texts: Change = same) -> None:
        self._encoder, self._images, self._texts = encoder, images, texts

    def __getattr__(self, name: str) -> Any:  # whatever else an encoder has
        return getattr(self._encoder, name)

    @property
    def preprocessing(self) -> Preprocessing:
        return self._encoder.preprocessing

    @preprocessing.setter
    def preprocessing(self, value: Preprocessing) -> None:
        self._encoder.preprocessing = value

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        return self._images(self._encoder.encode_images(images))

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        return self._texts(self._encoder.encode_texts(texts))


def encoder_of(changed: Changed) -> Encoder:
    encoder: Any = changed  # __getattr__ gives what the protocol wants
    return cast(Encoder, encoder)


def wrong_with(
    *shortcuts: Shortcut, images: Change | None = None, texts: Change = same
) -> loading.Build:
    """Builds an encoder that is wrong where it takes any of these shortcuts."""

    def build(spec: ModelSpec, folder: Path, options: Options, on: frozenset[Shortcut]) -> Encoder:
        encoder = loading.build_encoder(spec, folder, options, on)
        if on.isdisjoint(shortcuts):
            return encoder
        return encoder_of(Changed(encoder, images=images or turned_a_little, texts=texts))

    return build


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
@pytest.mark.parametrize(
    "shortcut", [Shortcut.PACKED, Shortcut.LANES, Shortcut.MAPPED, Shortcut.CUT_TEXTS]
)
def test_a_shortcut_that_changes_answers_is_switched_off_and_logged(
    shortcut: Shortcut,
    spec: ModelSpec,
    load: Load,
    model_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    encoder = load(spec, build=wrong_with(shortcut))

    assert_right(encoder, spec, model_dir)
    assert verdicts(tmp_path) == [{"off": [shortcut], "refusal": ""}]
    assert f"switched off model={spec.repo} shortcuts={shortcut}" in caplog.text


def test_texts_that_are_wrong_beside_others_only_are_noticed(
    load: Load, model_dir: Path, tmp_path: Path
) -> None:
    def turned(rows: Embeddings) -> Embeddings:
        return rows[::-1] if len(rows) > 1 else rows

    encoder = load(OPEN_CLIP_SPEC, build=wrong_with(Shortcut.CUT_TEXTS, texts=turned, images=same))

    assert_right(encoder, OPEN_CLIP_SPEC, model_dir)
    assert verdicts(tmp_path) == [{"off": ["cut_texts"], "refusal": ""}]


def test_wrong_fast_pixels_are_switched_off(load: Load, model_dir: Path, tmp_path: Path) -> None:
    class UpsideDown(Changed):
        def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
            if self.preprocessing.method is Method.FAST:
                images = [image.transpose(Image.Transpose.FLIP_TOP_BOTTOM) for image in images]
            return super().encode_images(images)

    def build(*args: Any) -> Encoder:
        return encoder_of(UpsideDown(loading.build_encoder(*args)))

    encoder = load(TRANSFORMERS_SPEC, build=build, preprocessing=Method.FAST)

    assert encoder.preprocessing.method is Method.EXACT
    assert_right(encoder, TRANSFORMERS_SPEC, model_dir)
    assert verdicts(tmp_path) == [{"off": ["fast_images"], "refusal": ""}]


def test_two_wrong_shortcuts_leave_none(load: Load, model_dir: Path, tmp_path: Path) -> None:
    encoder = load(TRANSFORMERS_SPEC, build=wrong_with(Shortcut.PACKED, Shortcut.LANES))

    assert_right(encoder, TRANSFORMERS_SPEC, model_dir)
    assert verdicts(tmp_path)[0]["off"] == ["cut_texts", "lanes", "mapped", "packed"]


def test_a_shortcut_that_fails_is_switched_off(load: Load, tmp_path: Path) -> None:
    def fail(rows: Embeddings) -> Embeddings:
        raise RuntimeError("no kernel")

    load(TRANSFORMERS_SPEC, build=wrong_with(Shortcut.PACKED, images=fail))

    assert verdicts(tmp_path) == [{"off": ["packed"], "refusal": ""}]


class Darkened(Changed):
    """A fault that no shortcut makes: other pixels than the library sees."""

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        return super().encode_images([image.point(lambda level: level // 2) for image in images])


def build_darkened(*args: Any) -> Encoder:
    return encoder_of(Darkened(loading.build_encoder(*args)))


def build_nothing(*args: Any) -> Encoder:
    pytest.fail("built again")


@SPECS
def test_an_encoder_that_differs_without_shortcuts_is_not_served(
    spec: ModelSpec, load: Load
) -> None:
    with pytest.raises(WeightsUnusable, match=rf"{spec.repo} differs from .*: images by"):
        load(spec, build=build_darkened)


def test_a_refusal_is_remembered(load: Load) -> None:
    with pytest.raises(WeightsUnusable):
        load(TRANSFORMERS_SPEC, build=build_darkened)

    with pytest.raises(WeightsUnusable, match="differs from transformers"):
        load(TRANSFORMERS_SPEC, build=build_nothing)


@SPECS
def test_a_second_start_compares_nothing(spec: ModelSpec, load: Load) -> None:
    first = load(spec)

    # It would be switched off, or refused, if anything were compared.
    second = load(spec, build=build_darkened)

    np.testing.assert_array_equal(second.encode_texts(TEXTS), first.encode_texts(TEXTS))


def test_what_was_switched_off_stays_off_at_a_second_start(load: Load) -> None:
    built = []

    def build(spec: ModelSpec, folder: Path, options: Options, on: frozenset[Shortcut]) -> Encoder:
        built.append(on)
        return loading.build_encoder(spec, folder, options, on)

    load(TRANSFORMERS_SPEC, build=wrong_with(Shortcut.PACKED))
    load(TRANSFORMERS_SPEC, build=build)

    assert built == [{Shortcut.CUT_TEXTS, Shortcut.MAPPED, Shortcut.LANES}]


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
            options=Options(**options),
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


def test_a_lack_of_memory_is_no_verdict(load: Load, tmp_path: Path) -> None:
    def fail(rows: Embeddings) -> Embeddings:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(WeightsUnusable, match="does not fit into cpu"):
        load(TRANSFORMERS_SPEC, build=wrong_with(Shortcut.PACKED, images=fail))
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
