"""CLIP and SigLIP as transformers writes them: config.json, safetensors, tokenizer, preprocessor.

SigLIP 2 at a fixed resolution is SigLIP with another tokenizer, in its files as in the library.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from inference.runtime import devices, torchvision_operators
from inference.runtime.architecture import quick_gelu
from inference.runtime.cpu import packing
from inference.runtime.encoders import preprocessor_config, siglip_text, transformers_text
from inference.runtime.encoders.clip_tower import LIBRARY_ERRORS, ClipEncoder
from inference.runtime.encoders.preprocessor_config import Processor
from inference.runtime.encoders.transformers_text import TextReader
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import Preprocessing
from inference.runtime.self_check.shortcuts import ALWAYS, Shortcut
from inference.runtime.spec import ModelSpec
from inference.runtime.weights import layout

_MOST_NAMED = 5


# Any: transformers' classes are typed too loosely to say more.
@dataclass(frozen=True, kw_only=True)
class Family:
    """What tells one architecture of transformers from another; `model` is its class's name.

    `is_sigmoid`: trained with a bias, and with each label scored for itself. `check` raises
    WeightsUnusable for configs that the class takes, but that give no pair of vectors.
    """

    model: str
    processor: Processor
    read_texts: Callable[[Path, Any], TextReader]
    is_sigmoid: bool = False
    check: Callable[[Any, Path], None] = lambda config, folder: None


def _check_siglip(config: Any, folder: Path) -> None:
    vision, text = config.vision_config, config.text_config
    if not vision.vision_use_head:
        raise WeightsUnusable(f"{folder} has vision_use_head false: images get no single vector")
    if text.projection_size != vision.hidden_size:
        raise WeightsUnusable(
            f"{folder} cannot compare images with texts: vision_config.hidden_size is "
            f"{vision.hidden_size}, text_config.projection_size {text.projection_size}"
        )


FAMILIES = {
    "clip": Family(
        model="CLIPModel", processor=preprocessor_config.CLIP, read_texts=transformers_text.read
    ),
    "siglip": Family(
        model="SiglipModel",
        processor=preprocessor_config.SIGLIP,
        read_texts=siglip_text.read,
        is_sigmoid=True,
        check=_check_siglip,
    ),
}
# Why not, where a type alone would not tell.
_REFUSED = {
    "siglip2": " (NaFlex: images of any shape, cut into a variable number of patches; SigLIP 2 at "
    "a fixed resolution is of type 'siglip')"
}


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
    model, is_sigmoid = checkpoint.model.to(device), checkpoint.family.is_sigmoid
    setting = '"hidden_act": "quick_gelu" into both towers of config.json'
    quick_gelu.check(spec, folder, has_gelu=_has_gelu(model.config), setting=setting)
    weights = layout.weight_files(spec, folder)
    if device == "cpu" and Shortcut.MAPPED in shortcuts:
        packing.leave_in_file(model, weights)
    return ClipEncoder(
        spec,
        model,
        image_tower=lambda pixels: model.get_image_features(pixel_values=pixels).pooler_output,
        text_tower=checkpoint.texts.tower(
            model, device=device, is_cut=Shortcut.CUT_TEXTS in shortcuts
        ),
        count_tokens=checkpoint.texts.counts,
        preprocessing=checkpoint.preprocessing,
        patch_size=model.config.vision_config.patch_size,
        log_scale=_stored_number(weights, "logit_scale"),
        bias=_stored_number(weights, "logit_bias") if is_sigmoid else 0.0,
        is_sigmoid=is_sigmoid,
        device=device,
        shortcuts=shortcuts,
    )


# Any: transformers' classes are typed too loosely to say more.
@dataclass(frozen=True)
class Checkpoint:
    family: Family
    model: Any
    texts: TextReader
    preprocessing: Preprocessing


def read(folder: Path, *, dtype: Any, as_openai: bool = False) -> Checkpoint:
    """transformers' own model, on the CPU and ready for inference, with all that belongs to it.

    Raises WeightsUnusable for files that do not fit each other.
    """
    family = _family(folder)
    preprocessing = preprocessor_config.read_folder(folder, family.processor)
    model = _read_model(family, folder, dtype)
    family.check(model.config, folder)
    side = model.config.vision_config.image_size
    if side != preprocessing.size:
        raise WeightsUnusable(
            f"{folder} crops images to {preprocessing.size} px, but its tower reads {side} px"
        )
    read_texts = transformers_text.read_openai if as_openai else family.read_texts
    texts = read_texts(folder, model.config.text_config)
    return Checkpoint(family, model, texts, preprocessing)


def _has_gelu(config: Any) -> bool:
    towers = (config.vision_config, config.text_config)
    return any(tower.hidden_act != "quick_gelu" for tower in towers)


def _read_model(family: Family, folder: Path, dtype: Any) -> Any:
    """Raises WeightsUnusable naming tensors that are missing, left over, or of another shape.

    The library would fill in random numbers, and only log that it did.
    """
    torchvision_operators.declare()
    import transformers

    try:
        loaded: Any = getattr(transformers, family.model).from_pretrained(
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
        raise WeightsUnusable(
            f"{folder} is not a {family.model} of transformers: {error}"
        ) from error
    model, report = loaded
    for kind in ("missing_keys", "mismatched_keys", "unexpected_keys"):
        _refuse_tensors(report[kind], kind.removesuffix("_keys"), folder)
    return model.eval()


def _family(folder: Path) -> Family:
    # The library's classes take any config, with a warning: another family's texts would be read
    # wrong.
    try:
        config = json.loads((folder / "config.json").read_text())
        kind, quantization = config.get("model_type", "clip"), config.get("quantization_config")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise WeightsUnusable(f"{folder / 'config.json'} cannot be used: {error}") from error
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        raise WeightsUnusable(
            f"{folder} holds a model of type {kind!r}, not {' or '.join(FAMILIES)}"
            f"{_REFUSED.get(str(kind), '')}"
        )
    if quantization is not None:
        raise WeightsUnusable(f"{folder} asks for quantization_config, which is not supported")
    return family


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
