"""Where models compute and in which numbers, as far as that can be told without a GPU."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inference.runtime import devices, loading
from inference.runtime.cpu import compiling
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.errors import DeviceMissing, WeightsUnusable
from inference.runtime.images.preprocessing import Method
from inference.runtime.spec import ModelSpec
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, TRANSFORMERS_SPEC, smooth_noise
from tests.inference.runtime.tiny_models import tiny

PICTURES = [smooth_noise(50, 40, seed=seed) for seed in range(5)]
TEXTS = ["a cat", "a photo of a dog!"]


@pytest.mark.parametrize(
    ("setting", "device", "has_bf16", "expected"),
    [
        ("auto", "cpu", False, "float32"),
        ("auto", "cuda", True, "bfloat16"),
        ("auto", "cuda:1", False, "float16"),
        ("auto", "mps", False, "float32"),
        ("fp32", "cuda", True, "float32"),
        ("fp16", "cuda", True, "float16"),
        ("bf16", "cpu", False, "bfloat16"),
    ],
)
def test_numbers_are_chosen_by_device(
    setting: str, device: str, has_bf16: bool, expected: str
) -> None:
    assert devices.choose_dtype(setting, device=device, has_bf16=has_bf16) == expected


def test_unknown_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="fp8"):
        devices.choose_dtype("fp8", device="cpu", has_bf16=False)


def test_a_cpu_is_always_there() -> None:
    devices.check("cpu")


@pytest.mark.parametrize("device", ["cuda:63", "abacus", ""])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    with pytest.raises(DeviceMissing, match=f"'{device}'.*Set DEVICE"):
        devices.check(device)


@pytest.mark.parametrize("spec", [TRANSFORMERS_SPEC, OPEN_CLIP_SPEC])
def test_bf16_weighs_half_and_means_the_same(
    spec: ModelSpec, model_dir: Path, cache_dir: Path
) -> None:
    full = loading.load(spec, model_dir=model_dir, cache_dir=cache_dir)
    options = loading.Options(dtype="bf16")

    half = loading.load(spec, model_dir=model_dir, cache_dir=cache_dir, options=options)

    assert half.parameter_bytes == full.parameter_bytes // 2
    images, texts = half.encode_images(PICTURES), half.encode_texts(TEXTS)
    assert images.dtype == texts.dtype == np.float32
    assert (images * full.encode_images(PICTURES)).sum(axis=1).min() > 0.99
    assert (texts * full.encode_texts(TEXTS)).sum(axis=1).min() > 0.99


def test_attention_is_torch_s_own(transformers_encoder: Encoder) -> None:
    model = transformers_encoder._model  # type: ignore[attr-defined]

    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 2), (3, 4), (8, 8), (9, 16), (16, 16)])
def test_batches_are_filled_up_to_a_power_of_two(count: int, size: int) -> None:
    assert compiling.padded_size(count) == size


def test_a_compiled_tower_sees_few_sizes_and_gives_the_same() -> None:
    seen = set()

    def tower(pixels: torch.Tensor) -> torch.Tensor:
        seen.add(len(pixels))
        return pixels.flatten(1).cumsum(dim=1)

    compiled = compiling.compiled(tower, device="cpu", backend="eager")
    pixels = torch.rand(11, 3, 4, 4)

    for count in (1, 2, 3, 5, 7, 11):
        torch.testing.assert_close(compiled(pixels[:count]), tower(pixels[:count]))

    assert seen >= {1, 2, 4, 8, 16}


def out_of_memory_above(most: int) -> Callable[[Sequence[int]], Embeddings]:
    def encode(inputs: Sequence[int]) -> Embeddings:
        if len(inputs) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return np.array([[value] for value in inputs], dtype=np.float32)

    return encode


def test_a_batch_too_large_for_the_device_is_run_in_parts() -> None:
    rows = devices.in_halves(out_of_memory_above(3), range(11))

    assert rows[:, 0].tolist() == list(range(11))


def test_an_input_that_fits_by_no_means_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        devices.in_halves(out_of_memory_above(0), range(4))


def test_preprocessing_is_fast_where_that_is_wished(model_dir: Path, cache_dir: Path) -> None:
    options = loading.Options(preprocessing=Method.FAST)

    fast = loading.load(
        TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=cache_dir, options=options
    )

    assert fast.preprocessing.method is Method.FAST


def test_warming_up_runs_both_towers(transformers_encoder: Encoder) -> None:
    loading.warm_up(transformers_encoder)


def test_weights_that_give_no_numbers_are_found_before_anybody_is_served(
    model_dir: Path, cache_dir: Path
) -> None:
    encoder = loading.load(TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=cache_dir)
    with torch.no_grad():
        encoder._model.vision_model.post_layernorm.weight.fill_(torch.nan)  # type: ignore[attr-defined]

    with pytest.raises(WeightsUnusable, match="no numbers"):
        loading.warm_up(encoder)


def test_a_tower_that_cannot_run_is_named(model_dir: Path, cache_dir: Path) -> None:
    encoder = loading.load(TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=cache_dir)
    encoder.preprocessing = type(encoder.preprocessing)(size=tiny.SIZE)
    encoder._model.visual_projection = torch.nn.Linear(3, 3)  # type: ignore[attr-defined]

    with pytest.raises(WeightsUnusable, match="cannot be run"):
        loading.warm_up(encoder)


def test_a_picture_travels_as_it_is(transformers_encoder: Encoder) -> None:
    image = Image.new("RGB", (tiny.SIZE, tiny.SIZE), "red")

    assert transformers_encoder.encode_images([image]).shape == (1, tiny.EMBED_DIM)
