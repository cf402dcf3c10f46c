"""CLIP as transformers writes it: config.json, safetensors, tokenizer, preprocessor."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from inference.runtime import devices, torchvision_operators
from inference.runtime.cpu import packing
from inference.runtime.encoders import preprocessor_config, transformers_text
from inference.runtime.encoders.clip_tower import LIBRARY_ERRORS, ClipEncoder
from inference.runtime.encoders.transformers_text import TextReader
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import Preprocessing
from inference.runtime.self_check.shortcuts import ALWAYS, Shortcut
from inference.runtime.spec import ModelSpec
from inference.runtime.weights import layout

_MOST_NAMED = 5


def load(
    spec: ModelSpec,
    folder: Path,
    *,
    device: str = "cpu",
    dtype: str = "auto",
    shortcuts: frozenset[Shortcut] = ALWAYS,
) -> ClipEncoder:
    """Reads safetensors and JSON from `folder`; nothing else is opened, nothing is executed.

    Raises WeightsUnusable for files that do not fit the architecture, naming what does not.
    """
    checkpoint = read(folder, dtype=devices.dtype_on(device, dtype), as_openai=spec.is_openai_clip)
    model = checkpoint.model.to(device)
    weights = layout.weight_files(spec, folder)
    if device == "cpu" and Shortcut.MAPPED in shortcuts:
        packing.leave_in_file(model, weights)
    return ClipEncoder(
        spec,
        model,
        image_tower=lambda pixels: model.get_image_features(pixel_values=pixels).pooler_output,
        text_tower=transformers_text.tower(
            model, checkpoint.texts, device=device, is_cut=Shortcut.CUT_TEXTS in shortcuts
        ),
        count_tokens=checkpoint.texts.counts,
        preprocessing=checkpoint.preprocessing,
        patch_size=model.config.vision_config.patch_size,
        log_scale=_stored_number(weights, "logit_scale"),
        bias=0.0,
        device=device,
        shortcuts=shortcuts,
    )


# Any: transformers' classes are typed too loosely to say more.
@dataclass(frozen=True)
class Checkpoint:
    model: Any
    texts: TextReader
    preprocessing: Preprocessing


def read(folder: Path, *, dtype: Any, as_openai: bool = False) -> Checkpoint:
    """transformers' own model, on the CPU and ready for inference, with all that belongs to it.

    Raises WeightsUnusable for files that do not fit each other.
    """
    _refuse_other_models(folder)
    preprocessing = preprocessor_config.read(folder / "preprocessor_config.json")
    model = _read_model(folder, dtype)
    side = model.config.vision_config.image_size
    if side != preprocessing.size:
        raise WeightsUnusable(
            f"{folder} crops images to {preprocessing.size} px, but its tower reads {side} px"
        )
    texts = transformers_text.read(folder, model.config.text_config, as_openai=as_openai)
    return Checkpoint(model, texts, preprocessing)


def _read_model(folder: Path, dtype: Any) -> Any:
    """Raises WeightsUnusable naming tensors that are missing, left over, or of another shape.

    The library would fill in random numbers, and only log that it did.
    """
    torchvision_operators.declare()
    from transformers import CLIPModel

    try:
        loaded: Any = CLIPModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="sdpa",
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # only so that the report can name them
        )
    except LIBRARY_ERRORS as error:
        raise WeightsUnusable(f"{folder} is not a CLIP of transformers: {error}") from error
    model, report = loaded
    for kind in ("missing_keys", "mismatched_keys", "unexpected_keys"):
        _refuse_tensors(report[kind], kind.removesuffix("_keys"), folder)
    return model.eval()


def _refuse_other_models(folder: Path) -> None:
    # CLIPModel takes any config, with a warning: another family's texts would be read wrong.
    try:
        config = json.loads((folder / "config.json").read_text())
        kind, quantization = config.get("model_type", "clip"), config.get("quantization_config")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise WeightsUnusable(f"{folder / 'config.json'} cannot be used: {error}") from error
    if kind != "clip":
        raise WeightsUnusable(f"{folder} holds a model of type {kind!r}, not clip")
    if quantization is not None:
        raise WeightsUnusable(f"{folder} asks for quantization_config, which is not supported")


def _refuse_tensors(keys: Sequence[Any], kind: str, folder: Path) -> None:
    # A mismatch comes with both shapes.
    names = sorted(key if isinstance(key, str) else key[0] for key in keys)
    if names:
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        raise WeightsUnusable(
            f"{folder} does not fit its config.json; {kind} tensors: "
            f"{', '.join(names[:_MOST_NAMED])}{more}"
        )


def _stored_number(files: Sequence[Path], name: str) -> float:
    # From the file, as the model may be cast already: bfloat16 makes a scale of 100 into 98.9.
    for path in files:
        with safe_open(path, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118  it is no dict
                if key == name or key.endswith(f".{name}"):
                    return float(tensors.get_tensor(key).float().item())
    raise WeightsUnusable(f"{files} hold no {name}")
