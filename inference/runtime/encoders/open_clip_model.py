"""CLIP as open_clip writes it: open_clip_config.json and one safetensors file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors import SafetensorError

from inference.runtime import devices, torchvision_schemas
from inference.runtime.cpu import compiling, lanes, packing
from inference.runtime.encoder import Embeddings
from inference.runtime.encoders.tensors import no_rows, pixel_batch, unit_rows
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import Alpha, CropRounding, Fit, Preprocessing
from inference.runtime.spec import ModelSpec

# The names that `fetch` accepts, in open_clip's own order of preference.
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
_FITS = {"shortest": Fit.CROP, "squash": Fit.SQUASH}


class OpenClipModel:
    """An Encoder around a model of open_clip."""

    # Any: open_clip ships no types.
    def __init__(
        self, spec: ModelSpec, model: Any, tokenizer: Callable[[list[str]], Any], device: str
    ) -> None:
        self.repo = spec.repo
        self.revision = spec.revision
        self.preprocessing = preprocessing_of(model)
        self.image_size: int = self.preprocessing.size
        self.patch_size = _patch_size(model)
        self.logit_scale: float = model.logit_scale.exp().item()
        self.logit_bias = 0.0 if model.logit_bias is None else model.logit_bias.item()
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._in_passes = lanes.spread if device == "cpu" else devices.in_halves
        self._tower: compiling.Tower = model.encode_image
        self._dtype = next(model.parameters()).dtype
        self.embed_dim: int = self._text_features(["?"]).shape[1]

    @property
    def parameter_bytes(self) -> int:
        return packing.parameter_bytes(self._model)

    def pack(self) -> None:
        packing.pack(self._model)

    def compile(self) -> None:
        self._tower = compiling.compiled(self._tower, device=self._device)
        self._in_passes = devices.in_halves  # for each thread it would be compiled anew

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        if not images:
            return no_rows(self.embed_dim)
        return self._in_passes(self._encode_images, images)

    def _encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        import torch

        pixels = pixel_batch(images, self.preprocessing, device=self._device)
        with torch.inference_mode():
            return unit_rows(self._tower(pixels.to(self._dtype)))

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        if not texts:
            return no_rows(self.embed_dim)
        return unit_rows(self._text_features(texts))

    def _text_features(self, texts: Sequence[str]) -> Any:
        import torch

        tokens = self._tokenizer(list(texts)).to(self._device)
        with torch.inference_mode():
            if _can_take_short_texts(self._model):
                return _short_text_features(self._model, tokens)
            return self._model.encode_text(tokens)


def load(
    spec: ModelSpec, folder: Path, *, device: str = "cpu", dtype: str = "auto"
) -> OpenClipModel:
    """Reads one safetensors file and JSON from `folder`.

    Raises WeightsUnusable for a folder without safetensors, whose pickle open_clip would otherwise
    open, and for files that do not fit together.
    """
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
    return OpenClipModel(spec, model, tokenizer, device)


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


def _can_take_short_texts(model: Any) -> bool:
    """Whether the text tower is CLIP's own: causal, and read at the end-of-text token.

    Other towers (SigLIP's, those of transformers) look at the padding: they get it in full.
    """
    return hasattr(model, "token_embedding") and model.text_pool_type in ("argmax", "eos")


def _short_text_features(model: Any, tokens: Any) -> Any:
    """`model.encode_text` on texts cut behind the longest one's end.

    open_clip adds all 77 positions and the whole mask whatever the length, so the steps stand
    here. The end-of-text token has the highest id; 0 cannot mark the padding, as it also means "!".
    """
    from open_clip.transformer import text_global_pool

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
