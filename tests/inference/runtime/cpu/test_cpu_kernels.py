"""What saves a CPU time or memory changes no vector: packed and mapped weights, parallel passes."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inference.runtime import loading
from inference.runtime.cpu import lanes, mapped_embedding, packing
from inference.runtime.cpu.mapped_embedding import MappedEmbedding
from inference.runtime.cpu.packed_linear import PackedLinear
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.spec import ModelSpec
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, TRANSFORMERS_SPEC, smooth_noise
from tests.inference.runtime.tiny_models import tiny

PICTURES = [smooth_noise(50, 40, seed=seed) for seed in range(7)]
TEXTS = ["a cat", "a photo of a dog!"]


def load(spec: ModelSpec, model_dir: Path, cache_dir: Path, *, is_packed: bool) -> Encoder:
    options = loading.Options(is_packed=is_packed)
    return loading.load(spec, model_dir=model_dir, cache_dir=cache_dir, options=options)


def packed_layers(encoder: Encoder) -> int:
    model: torch.nn.Module = encoder._model  # type: ignore[attr-defined]
    return sum(isinstance(module, PackedLinear) for module in model.modules())


@pytest.fixture
def two_threads() -> None:
    torch.set_num_threads(2)


@pytest.mark.parametrize("spec", [TRANSFORMERS_SPEC, OPEN_CLIP_SPEC], ids=lambda spec: spec.repo)
def test_packed_weights_give_the_same_vectors(
    spec: ModelSpec, model_dir: Path, cache_dir: Path
) -> None:
    plain = load(spec, model_dir, cache_dir, is_packed=False)
    packed = load(spec, model_dir, cache_dir, is_packed=True)

    assert packed_layers(plain) == 0
    assert packed_layers(packed) > 0
    assert packed.parameter_bytes == plain.parameter_bytes
    for encode in ("encode_images", "encode_texts"):
        inputs = PICTURES if encode == "encode_images" else TEXTS
        rows, expected = getattr(packed, encode)(inputs), getattr(plain, encode)(inputs)
        np.testing.assert_allclose(rows, expected, atol=1e-5)


@pytest.mark.parametrize("spec", [TRANSFORMERS_SPEC, OPEN_CLIP_SPEC], ids=lambda spec: spec.repo)
def test_the_vocabulary_stays_in_the_file(
    spec: ModelSpec, model_dir: Path, cache_dir: Path
) -> None:
    encoder = load(spec, model_dir, cache_dir, is_packed=True)
    model: torch.nn.Module = encoder._model  # type: ignore[attr-defined]

    tables = [module for module in model.modules() if isinstance(module, MappedEmbedding)]

    assert [table.num_embeddings for table in tables] == [tiny.VOCABULARY]


def test_a_table_that_is_not_the_file_s_stays_in_memory(tmp_path: Path) -> None:
    words = torch.nn.Embedding(mapped_embedding.MIN_ROWS, 2)
    model = torch.nn.ModuleDict({"words": words})
    path = tmp_path / "model.safetensors"
    save_file(model.state_dict(), path)
    with torch.no_grad():
        words.weight[-1] = 7

    packing.leave_in_file(model, [path])

    assert type(model["words"]) is torch.nn.Embedding


def test_a_packed_layer_is_a_linear_layer() -> None:
    linear = torch.nn.Linear(96, 40)
    rows = torch.randn(3, 5, 96)
    packed = PackedLinear(linear)

    assert isinstance(packed, torch.nn.Linear), "some towers ask, and multiply by what is none"
    torch.testing.assert_close(packed(rows), linear(rows), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed.weight, linear.weight.detach())


def test_layers_whose_weight_is_read_by_others_are_left_alone() -> None:
    attention = torch.nn.MultiheadAttention(8, 2)
    half = torch.nn.Linear(8, 8, dtype=torch.bfloat16)
    model = torch.nn.ModuleList([attention, half])

    packing.pack(model)

    assert not any(isinstance(module, PackedLinear) for module in model.modules())


@pytest.mark.parametrize("count", [1, 2, 5, 6, 16, 17, 33])
def test_passes_side_by_side_keep_the_order(two_threads: None, count: int) -> None:
    seen: list[int] = []

    def encode(part: Sequence[int]) -> Embeddings:
        seen.append(len(part))
        return np.array(part, dtype=np.float32).reshape(-1, 1)

    rows = lanes.spread(encode, range(count))

    assert rows[:, 0].tolist() == list(range(count))
    assert max(seen) <= max(lanes.MAX_PASS, 2 * lanes.MIN_PASS - 1)
    assert len(seen) == 1 or len(seen) % 2 == 0, "no lane waits for the other's last pass"


def test_passes_run_beside_each_other_each_with_its_share_of_threads(two_threads: None) -> None:
    both = threading.Barrier(2, timeout=10)

    def encode(part: Sequence[int]) -> Embeddings:
        both.wait()
        assert torch.get_num_threads() == 1
        return np.zeros((len(part), 1), dtype=np.float32)

    assert len(lanes.spread(encode, range(16))) == 16
    assert torch.get_num_threads() == 2, "one picture alone has all threads"


def test_a_pass_that_fails_fails_the_batch(two_threads: None) -> None:
    def encode(part: Sequence[int]) -> Embeddings:
        raise ArithmeticError(f"{len(part)}")

    with pytest.raises(ArithmeticError):
        lanes.spread(encode, range(16))
