"""CLIP as transformers writes it: config.json, model.safetensors, tokenizer, preprocessor."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors import SafetensorError

from inference.runtime import devices, torchvision_schemas
from inference.runtime.cpu import compiling, lanes, packing
from inference.runtime.encoder import Embeddings
from inference.runtime.encoders.tensors import no_rows, pixel_batch, unit_rows
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import (
    OPENAI_MEAN,
    OPENAI_STD,
    Alpha,
    CropRounding,
    Preprocessing,
)
from inference.runtime.spec import ModelSpec


class TransformersClip:
    """An Encoder around transformers' CLIPModel."""

    logit_bias = 0.0

    # Any: transformers' classes are typed too loosely to say more.
    def __init__(
        self, spec: ModelSpec, model: Any, tokenizer: Any, preprocessing: Preprocessing, device: str
    ) -> None:
        self.repo = spec.repo
        self.revision = spec.revision
        self.preprocessing = preprocessing
        self.image_size: int = model.config.vision_config.image_size
        self.patch_size: int | None = model.config.vision_config.patch_size
        self.embed_dim: int = model.config.projection_dim
        self.logit_scale: float = model.logit_scale.exp().item()
        self._context_length: int = model.config.text_config.max_position_embeddings
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._in_passes = lanes.spread if device == "cpu" else devices.in_halves
        self._tower: compiling.Tower = lambda pixels: (
            model.get_image_features(pixel_values=pixels).pooler_output
        )

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
            return unit_rows(self._tower(pixels.to(self._model.dtype)))

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        import torch

        if not texts:
            return no_rows(self.embed_dim)
        with torch.inference_mode():
            features = self._model.get_text_features(input_ids=self._tokens(texts))
            return unit_rows(features.pooler_output)

    def _tokens(self, texts: Sequence[str]) -> Any:
        """int64 [n, length of the longest text].

        No attention mask goes with them. The tower is causal and its result is read at the first
        end-of-text token, so what stands behind that token changes nothing: ten short labels
        padded to the longest give the vectors of padding to 77 in an eighth of the time. Configs
        from before mid-2023 say eos_token_id 2, which is wrong; transformers then reads at the
        highest token id, which is the first end-of-text too.
        """
        return self._tokenizer(
            list(texts),
            padding="longest",
            truncation=True,
            max_length=self._context_length,
            return_tensors="pt",
        )["input_ids"].to(self._device)


def load(
    spec: ModelSpec, folder: Path, *, device: str = "cpu", dtype: str = "auto"
) -> TransformersClip:
    """Reads safetensors and JSON from `folder`; nothing else is opened, nothing is executed.

    Raises WeightsUnusable for files that do not fit the architecture.
    """
    torchvision_schemas.declare()
    from transformers import CLIPModel, CLIPTokenizer

    preprocessing = read_preprocessing(folder / "preprocessor_config.json")
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = CLIPModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="sdpa",
            dtype=devices.dtype_on(device, dtype),
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise WeightsUnusable(f"{folder} is not a CLIP of transformers: {error}") from error
    model = model.eval().to(device)
    if device == "cpu":
        packing.leave_in_file(model, folder / "model.safetensors")
    return TransformersClip(spec, model, tokenizer, preprocessing, device)


def read_preprocessing(path: Path) -> Preprocessing:
    """The parameters in a preprocessor_config.json, in either of the spellings found on the hub.

    Raises WeightsUnusable for a file that is missing or asks for what we do not do.
    """
    try:
        config = json.loads(path.read_text())
        size = _side(config["crop_size"])
        return Preprocessing(
            size=size,
            shortest_edge=_side(config.get("size", size)),
            mean=tuple(config.get("image_mean", OPENAI_MEAN)),
            std=tuple(config.get("image_std", OPENAI_STD)),
            interpolation=Image.Resampling(config.get("resample", Image.Resampling.BICUBIC)).name,
            crop_rounding=CropRounding.FLOOR,
            alpha=Alpha.WHITE,
        )
    except (OSError, ValueError, KeyError) as error:
        raise WeightsUnusable(f"{path} cannot be used: {error}") from error


def _side(size: int | dict[str, int]) -> int:
    """224, {"shortest_edge": 224} and {"height": 224, "width": 224} mean the same here."""
    if isinstance(size, int):
        return size
    sides = set(size.values())
    if len(sides) != 1:
        raise ValueError(f"only square sizes are supported, not {size}")
    return sides.pop()
