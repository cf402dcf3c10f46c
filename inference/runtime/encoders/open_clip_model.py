"""CLIP as open_clip writes it: open_clip_config.json and one safetensors file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.runtime import devices, torchvision_operators
from inference.runtime.architecture import quick_gelu, text_tower
from inference.runtime.cpu import packing
from inference.runtime.encoders import open_clip_text, token_check
from inference.runtime.encoders.clip_tower import LIBRARY_ERRORS, ClipEncoder
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import (
    OPENAI_MEAN,
    OPENAI_STD,
    Alpha,
    CropRounding,
    Fit,
    Preprocessing,
    Triple,
)
from inference.runtime.self_check.shortcuts import ALWAYS, Shortcut
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import layout
from inference.runtime.weights.safetensors_header import locations

_FITS = {"shortest": Fit.CROP, "squash": Fit.SQUASH}
# "random" is for training; at inference open_clip takes it for bicubic.
_INTERPOLATIONS = {"bicubic": "bicubic", "bilinear": "bilinear", "random": "bicubic"}
# open_clip resizes these silently where a file has another number of positions.
_POSITIONS = ("visual.positional_embedding", "positional_embedding", "text.positional_embedding")


def load(
    spec: ModelSpec,
    folder: Path,
    *,
    device: str = "cpu",
    dtype: str = "auto",
    shortcuts: frozenset[Shortcut] = ALWAYS,
) -> ClipEncoder:
    """Reads one safetensors file and JSON from `folder`.

    Raises WeightsUnusable for files that do not fit together, naming what does not.
    """
    model, tokenizer = read(folder)
    setting = '"quick_gelu": true into model_cfg of open_clip_config.json'
    quick_gelu.check(spec, folder, has_gelu=_has_gelu(model), setting=setting)
    preprocessing = preprocessing_of(model)
    # In float32, before the cast: bfloat16 makes a scale of 100 into 98.9.
    log_scale = model.logit_scale.item()
    bias = 0.0 if model.logit_bias is None else model.logit_bias.item()
    model = model.to(device=device, dtype=devices.dtype_on(device, dtype))
    if device == "cpu" and Shortcut.MAPPED in shortcuts:
        packing.leave_in_file(model, layout.weight_files(spec, folder))
    reader = open_clip_text.reader_of(tokenizer)
    return ClipEncoder(
        spec,
        model,
        image_tower=model.encode_image,
        text_tower=open_clip_text.tower(
            model, reader, device=device, is_cut=Shortcut.CUT_TEXTS in shortcuts
        ),
        count_tokens=reader.counts,
        preprocessing=preprocessing,
        patch_size=_patch_size(model),
        log_scale=log_scale,
        bias=bias,
        is_sigmoid=model.logit_bias is not None,
        device=device,
        shortcuts=shortcuts,
    )


# Any: open_clip ships no types.
def read(folder: Path) -> tuple[Any, Any]:
    """open_clip's own model, float32 on the CPU, and its tokenizer, checked.

    Raises WeightsUnusable. Tensors that are missing, left over, or of another shape, open_clip
    refuses by name itself.
    """
    # open_clip would otherwise fall back to a pickle, which can run code.
    names = layout.WEIGHTS[Loader.OPEN_CLIP]
    weights = next((folder / name for name in names if (folder / name).is_file()), None)
    if weights is None:
        raise WeightsUnusable(f"{folder} holds neither {' nor '.join(names)}")
    torchvision_operators.declare()
    import open_clip

    _refuse_hub_towers(folder)
    try:
        with text_tower.at_hand(folder) as local:
            source = f"local-dir:{local}"
            model = open_clip.create_model(source, device="cpu", precision="fp32").eval()
            tokenizer = open_clip.get_tokenizer(source)
    except LIBRARY_ERRORS as error:
        raise WeightsUnusable(f"{folder} is not a model of open_clip: {error}") from error
    _refuse_filled_in(model, weights)
    _check_tokenizer(model, tokenizer, folder)
    return model, tokenizer


def _has_gelu(model: Any) -> bool:
    from torch import nn

    return any(isinstance(module, nn.GELU) for module in model.modules())


def _refuse_hub_towers(folder: Path) -> None:
    # timm would ask the hub for it, at whatever commit is the newest.
    try:
        config = json.loads((folder / "open_clip_config.json").read_text())
        name = config["model_cfg"]["vision_cfg"].get("timm_model_name")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # the library will say what is wrong
    if ":" in str(name):
        raise WeightsUnusable(f"{folder} takes timm_model_name {name!r} from elsewhere")


def _refuse_filled_in(model: Any, weights: Path) -> None:
    """Refuses the two cases in which open_clip makes up tensors: resized positions, a zero bias."""
    stored = locations(weights)
    state = model.state_dict()
    for name in _POSITIONS:
        # A tower of its own takes what an older file holds at the top.
        built = state.get(name, state.get(f"text.{name}"))
        if name in stored and built is not None and stored[name].shape != tuple(built.shape):
            raise WeightsUnusable(
                f"{weights} does not fit its config; mismatched tensors: {name} "
                f"({list(stored[name].shape)}, not {list(built.shape)})"
            )
    is_stored = any(name.rpartition(".")[2] == "logit_bias" for name in stored)
    if model.logit_bias is not None and not is_stored:
        raise WeightsUnusable(f"{weights} does not fit its config; missing tensors: logit_bias")


def _check_tokenizer(model: Any, tokenizer: Any, folder: Path) -> None:
    if getattr(tokenizer, "reduction_fn", None) is not None:
        raise WeightsUnusable(f"{folder} asks for reduction_mask, which drops tokens by chance")
    rows = tokenizer(list(token_check.PROBES)).tolist()
    token_check.check_ids(rows, folder, vocabulary=open_clip_text.vocabulary(model))
    if ends := open_clip_text.ends_of_texts(model, tokenizer):
        token_check.check_ends(rows, folder, ends=ends)


def preprocessing_of(model: Any) -> Preprocessing:
    """What open_clip's `preprocess_val` does, as our parameters; raises WeightsUnusable."""
    config = model.visual.preprocess_cfg
    if config.get("mode", "RGB") != "RGB":
        raise WeightsUnusable(f"mode {config['mode']!r} is not supported")
    try:
        return Preprocessing(
            size=_square_side(config["size"]),
            mean=_triple(config["mean"] or OPENAI_MEAN),
            std=_triple(config["std"] or OPENAI_STD),
            interpolation=_choice(config, "interpolation", _INTERPOLATIONS),
            fit=_choice(config, "resize_mode", _FITS),
            crop_rounding=CropRounding.HALF_EVEN,
            alpha=Alpha.DROP,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsUnusable(f"preprocess_cfg {config} cannot be used: {error}") from error


def _square_side(size: int | Sequence[int]) -> int:
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) != 1:
        raise WeightsUnusable(f"only square images are supported, not {size}")
    return sides.pop()


def _triple(value: Any) -> Triple:
    values = value if isinstance(value, list | tuple) else [value] * 3
    red, green, blue = (float(channel) for channel in values)
    return (red, green, blue)


def _choice(config: Any, name: str, choices: dict[str, Any]) -> Any:
    if config[name] not in choices:
        raise WeightsUnusable(f"{name} {config[name]!r} is not supported")
    return choices[config[name]]


def _patch_size(model: Any) -> int | None:
    patch = getattr(model.visual, "patch_size", None)
    return patch[0] if isinstance(patch, tuple) else patch
