"""Writes random weights, for measuring: speed and memory do not depend on their values.

`loading.load` reads the folder like any other, so that a measurement takes the path that real
weights take, from the disk to the answer. Scores of such a model mean nothing.
"""

import json
from pathlib import Path
from typing import Any

from inference.runtime import torchvision_operators
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import OPENAI_MEAN, OPENAI_STD
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import architectures

SEED = 20261123
_BICUBIC = 3
# open_clip and transformers spell the two special tokens differently.
_SPECIAL = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}


def write(spec: ModelSpec, model_dir: Path) -> Path:
    """Writes `<model_dir>/<spec.folder>` in float32 and returns it; an existing one stays.

    Raises WeightsUnusable for a stand-in, and for an architecture that open_clip does not know.
    """
    folder = model_dir / spec.folder
    if folder.exists():
        return folder
    torchvision_operators.declare()
    import torch

    torch.manual_seed(SEED)
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    match spec.loader:
        case Loader.TRANSFORMERS:
            _write_transformers(spec, unfinished)
        case Loader.OPEN_CLIP:
            _write_open_clip(spec, unfinished)
        case _:
            raise WeightsUnusable(f"{spec.repo} is a stand-in: its weights come with pip")
    unfinished.rename(folder)
    return folder


def _write_transformers(spec: ModelSpec, folder: Path) -> None:
    from transformers import CLIPModel

    model = CLIPModel(architectures.clip_config(spec.open_clip_model))
    model.save_pretrained(folder)
    side = model.vision_model.embeddings.image_size
    _write_json(
        folder / "preprocessor_config.json",
        {
            "size": side,
            "crop_size": side,
            "resample": _BICUBIC,
            "image_mean": OPENAI_MEAN,
            "image_std": OPENAI_STD,
            "do_center_crop": True,
        },
    )
    _write_tokenizer(folder)


def _write_tokenizer(folder: Path) -> None:
    # The vocabulary that open_clip ships, in transformers' files.
    from open_clip.tokenizer import SimpleTokenizer

    original = SimpleTokenizer()
    vocabulary = {_SPECIAL.get(name, name): token for name, token in original.encoder.items()}
    _write_json(folder / "vocab.json", vocabulary)
    merges = sorted(original.bpe_ranks, key=original.bpe_ranks.__getitem__)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines))
    start, end = _SPECIAL.values()
    special = {"bos_token": start, "eos_token": end, "pad_token": end, "unk_token": end}
    _write_json(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer"} | special)


def _write_open_clip(spec: ModelSpec, folder: Path) -> None:
    import open_clip
    from safetensors.torch import save_file

    config = open_clip.get_model_config(spec.open_clip_model)
    if config is None:
        raise WeightsUnusable(f"open_clip has no architecture named {spec.open_clip_model!r}")
    model = open_clip.create_model(spec.open_clip_model, load_weights=False)
    # safetensors refuses tensors that share memory or have gaps.
    tensors = {name: value.contiguous().clone() for name, value in model.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")
    preprocess = model.visual.preprocess_cfg
    shown = {name: preprocess[name] for name in ("mean", "std", "interpolation")}
    _write_json(folder / "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": shown})


def _write_json(path: Path, content: Any) -> None:  # whatever JSON can hold
    path.write_text(json.dumps(content))
