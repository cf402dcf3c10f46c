"""CLIP as open_clip writes it: open_clip_config.json and one safetensors file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from inference.runtime import devices, torchvision_schemas
from inference.runtime.cpu import packing
from inference.runtime.encoders.clip_tower import ClipEncoder, TextTower
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import Alpha, CropRounding, Fit, Preprocessing
from inference.runtime.spec import ModelSpec

# The names that `fetch` accepts, in open_clip's own order of preference.
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
_FITS = {"shortest": Fit.CROP, "squash": Fit.SQUASH}


def load(spec: ModelSpec, folder: Path, *, device: str = "cpu", dtype: str = "auto") -> ClipEncoder:
    """Reads one safetensors file and JSON from `folder`.

    Raises WeightsUnusable for files that do not fit together.
    """
    # open_clip would otherwise fall back to a pickle, which can run code.
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise WeightsUnusable(f"{folder} holds neither {' nor '.join(WEIGHTS)}")
    torchvision_schemas.declare()
    import open_clip

    source = f"local-dir:{folder}"
    try:
        model = open_clip.create_model(source, device="cpu", precision="fp32")
        model = model.eval().to(device=device, dtype=devices.dtype_on(device, dtype))
        tokenizer = open_clip.get_tokenizer(source)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise WeightsUnusable(f"{folder} is not a model of open_clip: {error}") from error
    if device == "cpu":
        packing.leave_in_file(model, weights)
    return ClipEncoder(
        spec,
        model,
        image_tower=model.encode_image,
        text_tower=_text_tower(model, tokenizer, device),
        preprocessing=preprocessing_of(model),
        patch_size=_patch_size(model),
        device=device,
    )


def preprocessing_of(model: Any) -> Preprocessing:
    """What open_clip's `preprocess_val` does, as our parameters."""
    config = model.visual.preprocess_cfg
    return Preprocessing(
        size=_square_side(config["size"]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
        fit=_fit(config["resize_mode"]),
        crop_rounding=CropRounding.HALF_EVEN,
        alpha=Alpha.DROP,
    )


def _square_side(size: int | Sequence[int]) -> int:
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) != 1:
        raise WeightsUnusable(f"only square images are supported, not {size}")
    return sides.pop()


def _fit(resize_mode: str) -> Fit:
    if resize_mode not in _FITS:
        raise WeightsUnusable(f"resize mode {resize_mode!r} is not supported")
    return _FITS[resize_mode]


def _patch_size(model: Any) -> int | None:
    patch = getattr(model.visual, "patch_size", None)
    return patch[0] if isinstance(patch, tuple) else patch


# Any: open_clip ships no types.
def _text_tower(model: Any, tokenizer: Callable[[list[str]], Any], device: str) -> TextTower:
    encode = _encode_cut_texts if _reads_no_padding(model) else _encode_full_texts

    def tower(texts: Sequence[str]) -> Any:
        return encode(model, tokenizer(list(texts)).to(device))

    return tower


def _encode_full_texts(model: Any, tokens: Any) -> Any:
    return model.encode_text(tokens)


def _reads_no_padding(model: Any) -> bool:
    # CLIP's own text tower is causal and read at the end-of-text token. Other towers (SigLIP's,
    # those of transformers) see the padding.
    return hasattr(model, "token_embedding") and model.text_pool_type in ("argmax", "eos")


def _encode_cut_texts(model: Any, tokens: Any) -> Any:
    """`model.encode_text` on texts cut behind the longest one's end.

    Repeats its steps, as open_clip adds all 77 positions and the whole mask whatever the length.
    """
    from open_clip.transformer import text_global_pool

    # The end-of-text token has the highest id; 0 cannot mark the padding, as it also means "!".
    length = int(tokens.argmax(dim=-1).max()) + 1
    tokens = tokens[:, :length]
    states = model.token_embedding(tokens) + model.positional_embedding[:length]
    states = model.transformer(states, attn_mask=model.attn_mask[:length, :length])
    pooled = text_global_pool(
        model.ln_final(states),
        tokens,
        model.text_pool_type,
        eos_token_id=getattr(model, "text_eos_id", None),
    )
    return _projected(model.text_projection, pooled)


def _projected(projection: Any, pooled: Any) -> Any:
    if projection is None:
        return pooled
    return projection(pooled) if callable(projection) else pooled @ projection
