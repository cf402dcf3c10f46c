"""Files that do not fit together are refused by name; nothing is ever filled in by chance."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.runtime.encoder import Encoder
from inference.runtime.encoders import open_clip_model, transformers_model
from inference.runtime.errors import WeightsUnusable
from inference.runtime.spec import Loader, ModelSpec
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, TRANSFORMERS_SPEC
from tests.inference.runtime.tiny_models import tiny

State = dict[str, torch.Tensor]
SPECS = pytest.mark.parametrize("spec", [TRANSFORMERS_SPEC, OPEN_CLIP_SPEC], ids=lambda s: s.repo)
PROJECTION = {TRANSFORMERS_SPEC: "visual_projection.weight", OPEN_CLIP_SPEC: "visual.proj"}
TEXTS = ["a cat", "a photo of a dog!"]


@pytest.fixture
def folder_of(model_dir: Path, tmp_path: Path) -> Callable[[ModelSpec], Path]:
    """Copies a model, to be spoiled."""
    return lambda spec: Path(shutil.copytree(model_dir / spec.folder, tmp_path / spec.folder))


def load(spec: ModelSpec, folder: Path, **options: Any) -> Encoder:
    is_open_clip = spec.loader is Loader.OPEN_CLIP
    load_folder = open_clip_model.load if is_open_clip else transformers_model.load
    return load_folder(spec, folder, **options)


def change_tensors(folder: Path, change: Callable[[State], State]) -> None:
    [path] = folder.glob("*.safetensors")
    # A copy, as what was read is a view of the file that is written now.
    state = {name: tensor.clone() for name, tensor in load_file(path).items()}
    save_file(change(state), path, metadata={"format": "pt"})


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


Folder = Callable[[ModelSpec], Path]


@SPECS
def test_a_missing_tensor_is_named(spec: ModelSpec, folder_of: Folder) -> None:
    folder, name = folder_of(spec), PROJECTION[spec]
    change_tensors(folder, lambda state: {n: t for n, t in state.items() if n != name})

    with pytest.raises(WeightsUnusable, match=rf"(?s)issing.*{name}"):
        load(spec, folder)


@SPECS
def test_tensors_under_a_prefix_are_not_replaced_by_chance(
    spec: ModelSpec, folder_of: Folder
) -> None:
    folder = folder_of(spec)
    change_tensors(folder, lambda state: {f"model.{name}": t for name, t in state.items()})

    with pytest.raises(WeightsUnusable, match=r"(?s)issing.*text.*weight"):
        load(spec, folder)


@SPECS
def test_a_tensor_of_another_shape_is_named(spec: ModelSpec, folder_of: Folder) -> None:
    folder, name = folder_of(spec), PROJECTION[spec]
    change_tensors(folder, lambda state: state | {name: state[name][:20].contiguous()})

    with pytest.raises(WeightsUnusable, match=rf"(?s)mismatch.*{name}"):
        load(spec, folder)


@SPECS
def test_a_layer_too_many_is_named(spec: ModelSpec, folder_of: Folder) -> None:
    folder = folder_of(spec)
    change_tensors(folder, lambda state: state | {"text_model.layers.9.weight": torch.ones(3)})

    with pytest.raises(WeightsUnusable, match=r"(?s)nexpected.*text_model\.layers\.9\.weight"):
        load(spec, folder)


@pytest.mark.parametrize("name", ["positional_embedding", "visual.positional_embedding"])
def test_positions_that_open_clip_would_resize_are_refused(name: str, folder_of: Folder) -> None:
    folder = folder_of(OPEN_CLIP_SPEC)
    # 50 positions are a token and a square of patches, so that open_clip can resize them.
    change_tensors(
        folder, lambda state: state | {name: torch.randn(50, state[name].shape[1]).contiguous()}
    )

    with pytest.raises(WeightsUnusable, match=rf"mismatched tensors: {name} \(\[50"):
        load(OPEN_CLIP_SPEC, folder)


def test_positions_of_an_older_file_that_open_clip_would_resize_are_refused(
    folder_of: Folder,
) -> None:
    folder = folder_of(OPEN_CLIP_SPEC)
    change_json(
        folder / "open_clip_config.json",
        lambda config: config["model_cfg"].update(custom_text=True),
    )
    load(OPEN_CLIP_SPEC, folder)
    change_tensors(folder, lambda state: state | {"positional_embedding": torch.randn(50, 64)})

    with pytest.raises(WeightsUnusable, match=r"mismatched tensors: positional_embedding \(\[50"):
        load(OPEN_CLIP_SPEC, folder)


def test_a_bias_that_open_clip_would_make_up_is_refused(folder_of: Folder) -> None:
    folder = folder_of(OPEN_CLIP_SPEC)
    change_json(
        folder / "open_clip_config.json",
        lambda config: config["model_cfg"].update(init_logit_bias=-10),
    )

    with pytest.raises(WeightsUnusable, match="missing tensors: logit_bias"):
        load(OPEN_CLIP_SPEC, folder)


def test_what_the_library_itself_renames_or_ignores_still_loads(
    folder_of: Folder, transformers_encoder: Encoder
) -> None:
    folder = folder_of(TRANSFORMERS_SPEC)
    positions = {"clip.text_model.embeddings.position_ids": torch.arange(77).unsqueeze(0)}
    change_tensors(folder, lambda state: {f"clip.{n}": t for n, t in state.items()} | positions)

    encoder = load(TRANSFORMERS_SPEC, folder)

    expected = transformers_encoder.encode_texts(TEXTS)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=1e-5)
    assert encoder.logit_scale == transformers_encoder.logit_scale


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model_type", "siglip2", "type 'siglip2'"),
        ("model_type", "metaclip_2", "type 'metaclip_2'"),
        ("quantization_config", {"quant_method": "fp8"}, "quantization_config"),
        ("text_config", {"hidden_size": "64"}, "hidden_size"),
        ("vision_config", {"num_attention_heads": 7}, "attention heads"),
        ("vision_config", [], "config"),
    ],
)
def test_a_config_of_another_model_is_refused(
    field: str, value: object, message: str, folder_of: Folder
) -> None:
    folder = folder_of(TRANSFORMERS_SPEC)
    change_json(folder / "config.json", lambda config: config.update({field: value}))

    with pytest.raises(WeightsUnusable, match=rf"(?s){message}"):
        load(TRANSFORMERS_SPEC, folder)


@SPECS
@pytest.mark.parametrize("content", ["null", "[]", "7", "{", "{}"])
def test_a_config_that_is_none_is_refused(spec: ModelSpec, content: str, folder_of: Folder) -> None:
    folder = folder_of(spec)
    name = "open_clip_config.json" if spec.loader is Loader.OPEN_CLIP else "config.json"
    (folder / name).write_text(content)

    with pytest.raises(WeightsUnusable, match=spec.folder):
        load(spec, folder)


def test_crops_of_another_size_than_the_tower_s_are_refused(folder_of: Folder) -> None:
    folder = folder_of(TRANSFORMERS_SPEC)
    change_json(
        folder / "preprocessor_config.json", lambda config: config.update(size=64, crop_size=64)
    )

    with pytest.raises(WeightsUnusable, match="crops images to 64 px, but its tower reads 32 px"):
        load(TRANSFORMERS_SPEC, folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interpolation", "nearest"),
        ("resize_mode", "longest"),
        ("mode", "L"),
        ("mean", [0.5, 0.5]),
        ("std", ["a", "b", "c"]),
    ],
)
def test_preprocessing_that_open_clip_would_not_do_so_is_refused(
    field: str, value: object, folder_of: Folder
) -> None:
    folder = folder_of(OPEN_CLIP_SPEC)
    change_json(
        folder / "open_clip_config.json",
        lambda config: config["preprocess_cfg"].update({field: value}),
    )

    with pytest.raises(WeightsUnusable, match=field):
        load(OPEN_CLIP_SPEC, folder)


@pytest.mark.parametrize(
    "names", [["vocab.json", "merges.txt"], ["vocab.json"], ["merges.txt"]], ids=" ".join
)
def test_a_folder_without_its_tokenizer_is_refused(names: list[str], folder_of: Folder) -> None:
    folder = folder_of(TRANSFORMERS_SPEC)
    for name in names:
        (folder / name).unlink()

    with pytest.raises(WeightsUnusable, match=r"no tokenizer: tokenizer\.json, or vocab\.json"):
        load(TRANSFORMERS_SPEC, folder)


def test_a_vocabulary_without_words_is_refused(folder_of: Folder) -> None:
    folder = folder_of(TRANSFORMERS_SPEC)
    tiny.write_json(folder / "vocab.json", {"<|startoftext|>": 0, "<|endoftext|>": 1})
    (folder / "merges.txt").write_text("#version: 0.2\n")

    with pytest.raises(WeightsUnusable, match="different texts the same ids"):
        load(TRANSFORMERS_SPEC, folder)


def test_a_tokenizer_with_another_end_of_text_is_refused(folder_of: Folder) -> None:
    folder = folder_of(TRANSFORMERS_SPEC)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink()
    tiny.write_byte_tokenizer(folder)

    with pytest.raises(WeightsUnusable, match=r"does not end texts .*\(49407\)"):
        load(TRANSFORMERS_SPEC, folder)


def test_ids_beyond_the_vocabulary_are_refused(folder_of: Folder) -> None:
    folder = folder_of(TRANSFORMERS_SPEC)
    table = "text_model.embeddings.token_embedding.weight"
    change_tensors(folder, lambda state: state | {table: state[table][:500].contiguous()})
    change_json(folder / "config.json", lambda config: config["text_config"].update(vocab_size=500))

    with pytest.raises(WeightsUnusable, match="gives id 49407, but the model knows 500 tokens"):
        load(TRANSFORMERS_SPEC, folder)


def write_worldwide(folder: Path, **text: Any) -> None:
    folder.mkdir()
    tower = {"context_length": 77, "vocab_size": 300, "width": 64, "heads": 2, "layers": 1}
    vision = {"image_size": 32, "patch_size": 8, "layers": 1, "width": 64, "head_width": 32}
    tiny.write_architecture(
        folder, {"vision_cfg": vision, "text_cfg": tower | {"hf_tokenizer_name": "bytes"} | text}
    )


def test_an_open_clip_folder_without_its_tokenizer_is_refused(tmp_path: Path) -> None:
    write_worldwide(tmp_path / "model", pool_type="eos")

    with pytest.raises(WeightsUnusable, match="model"):
        load(OPEN_CLIP_SPEC, tmp_path / "model")


def test_an_open_clip_tokenizer_with_another_end_of_text_is_refused(tmp_path: Path) -> None:
    write_worldwide(tmp_path / "model", pool_type="eos", eos_id=3)
    tiny.write_byte_tokenizer(tmp_path / "model")

    with pytest.raises(WeightsUnusable, match=r"does not end texts .*\(3\)"):
        load(OPEN_CLIP_SPEC, tmp_path / "model")


def test_a_tokenizer_that_drops_words_by_chance_is_refused(folder_of: Folder) -> None:
    folder = folder_of(OPEN_CLIP_SPEC)
    change_json(
        folder / "open_clip_config.json",
        lambda config: config["model_cfg"]["text_cfg"].update(
            tokenizer_kwargs={"reduction_mask": "random"}
        ),
    )

    with pytest.raises(WeightsUnusable, match="reduction_mask"):
        load(OPEN_CLIP_SPEC, folder)


@SPECS
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_the_scale_is_read_before_the_cast(spec: ModelSpec, dtype: str, folder_of: Folder) -> None:
    folder = folder_of(spec)
    scale = torch.tensor(100.0).log()
    change_tensors(folder, lambda state: state | {"logit_scale": scale})

    encoder = load(spec, folder, dtype=dtype)

    assert encoder.logit_scale == pytest.approx(100, rel=1e-6)


def test_the_bias_is_read_before_the_cast(folder_of: Folder) -> None:
    folder = folder_of(OPEN_CLIP_SPEC)
    change_json(
        folder / "open_clip_config.json",
        lambda config: config["model_cfg"].update(init_logit_bias=-10),
    )
    change_tensors(folder, lambda state: state | {"logit_bias": torch.tensor(-16.53)})

    encoder = load(OPEN_CLIP_SPEC, folder, dtype="bf16")

    assert encoder.logit_bias == pytest.approx(-16.53, rel=1e-6)


def named(spec: ModelSpec, repo: str) -> ModelSpec:
    return replace(spec, repo=repo)


@pytest.mark.parametrize(
    "repo",
    [
        "timm/resnet50_clip.cc12m",
        "timm/resnet50_clip.yfcc15m",
        "timm/resnet101_clip.yfcc15m",
        "timm/vit_base_patch32_clip_224.laion400m_e32",
        "timm/resnet50x64_clip.openai",
        "apple/DFN2B-CLIP-ViT-B-16",
    ],
)
@pytest.mark.parametrize("is_stated", [True, False])
def test_weights_trained_with_quick_gelu_are_not_computed_with_gelu(
    repo: str, folder_of: Folder, *, is_stated: bool
) -> None:
    folder = folder_of(OPEN_CLIP_SPEC)

    def state(config: Any) -> None:
        config["model_cfg"].pop("quick_gelu")
        if is_stated:
            config["model_cfg"]["quick_gelu"] = False

    assert load(named(OPEN_CLIP_SPEC, repo), folder).encode_texts(TEXTS).any()
    change_json(folder / "open_clip_config.json", state)

    with pytest.raises(WeightsUnusable, match=f"{repo} was trained with QuickGELU"):
        load(named(OPEN_CLIP_SPEC, repo), folder)


@pytest.mark.parametrize("tower", ["vision_config", "text_config"])
@pytest.mark.parametrize("repo", ["openai/clip-vit-base-patch16", "apple/DFN5B-CLIP-ViT-H-14"])
def test_a_tower_of_transformers_is_not_computed_with_gelu_instead(
    repo: str, tower: str, folder_of: Folder
) -> None:
    folder = folder_of(TRANSFORMERS_SPEC)
    change_json(folder / "config.json", lambda config: config[tower].update(hidden_act="gelu"))

    with pytest.raises(WeightsUnusable, match=f"{repo} was trained with QuickGELU"):
        load(named(TRANSFORMERS_SPEC, repo), folder)


def test_weights_that_nobody_lists_are_computed_as_their_configuration_says(
    folder_of: Folder,
) -> None:
    folder = folder_of(OPEN_CLIP_SPEC)
    spec = named(OPEN_CLIP_SPEC, "lab/of-its-own")
    with_quick_gelu = load(spec, folder).encode_texts(TEXTS)
    change_json(folder / "open_clip_config.json", lambda c: c["model_cfg"].pop("quick_gelu"))

    with_gelu = load(spec, folder).encode_texts(TEXTS)

    assert np.abs(with_gelu - with_quick_gelu).max() > 1e-3
