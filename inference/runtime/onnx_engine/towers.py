"""Both towers of a model as torch modules from plain arrays to unit vectors, ready to be traced."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inference.runtime.encoders import open_clip_model, open_clip_text, transformers_model
from inference.runtime.encoders.siglip_text import SiglipTexts
from inference.runtime.encoders.transformers_text import ClipTexts, OpenAiTexts
from inference.runtime.images.preprocessing import Preprocessing
from inference.runtime.onnx_engine.attention import make_traceable
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.texts import light_reader
from inference.runtime.texts.hub_reader import HubReader
from inference.runtime.texts.light_reader import Described, NotLight
from inference.runtime.texts.simple_reader import SimpleReader

if TYPE_CHECKING:
    from torch import Tensor

# Any, here and below: neither library's models are typed well enough to say more.
Encode = Callable[[Any], Any]


class ImageTower(torch.nn.Module):
    """uint8 [n, size, size, 3] to float32 [n, dim], the steps of clip_tower.pixel_batch included:
    a quarter of the bytes to hand over."""

    mean: "Tensor"
    std: "Tensor"

    def __init__(self, model: Any, encode: Encode, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model, self._encode = model, encode
        mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
        self.register_buffer("mean", mean.view(1, 3, 1, 1))
        self.register_buffer("std", std.view(1, 3, 1, 1))

    def forward(self, levels: "Tensor") -> "Tensor":
        pixels = levels.permute(0, 3, 1, 2).float() / 255
        return _unit(self._encode((pixels - self.mean) / self.std))


class TextTower(torch.nn.Module):
    """int64 [n, length] to float32 [n, dim]."""

    def __init__(self, model: Any, encode: Encode) -> None:
        super().__init__()
        self.model, self._encode = model, encode

    def forward(self, ids: "Tensor") -> "Tensor":
        return _unit(self._encode(ids))


@dataclass(frozen=True)
class Towers:
    """`cut`: see manifest.Facts; `reader`: see texts.light_reader."""

    image: ImageTower
    text: TextTower
    cut: str
    reader: Described


def read(spec: ModelSpec, folder: Path) -> Towers:
    """Raises WeightsUnusable as the encoders do, and NotLight for texts."""
    return (
        _of_open_clip(folder) if spec.loader is Loader.OPEN_CLIP else _of_transformers(spec, folder)
    )


def _of_transformers(spec: ModelSpec, folder: Path) -> Towers:
    checkpoint = transformers_model.read(folder, dtype=torch.float32, as_openai=spec.is_openai_clip)
    model, texts = checkpoint.model, checkpoint.texts
    image = ImageTower(
        model,
        lambda pixels: model.get_image_features(pixel_values=pixels).pooler_output,
        checkpoint.preprocessing,
    )
    text = TextTower(model, lambda ids: model.get_text_features(input_ids=ids).pooler_output)
    return Towers(image, text, *_transformers_texts(texts, model))


def _transformers_texts(texts: Any, model: Any) -> tuple[str, Described]:
    if isinstance(texts, ClipTexts):
        is_legacy = texts.is_read_at_highest(model.config.text_config)
        where = "argmax" if is_legacy else f"first:{texts.end}"
        if isinstance(texts, OpenAiTexts):
            described = light_reader.describe_simple(
                texts.original, context_length=texts.context_length, pad=texts.end
            )
        else:
            described = light_reader.describe_fast(
                texts.tokenizer,
                max_tokens=texts.max_tokens,
                context=texts.context_length,
                pad=texts.end,
                pad_side="right",
            )
        return where, described
    if not isinstance(texts, SiglipTexts) or "attention_mask" in texts.plain_inputs("a cat"):
        raise NotLight("its text tower is given a mask")
    return "", light_reader.describe_fast(
        texts.tokenizer, max_tokens=texts.length, context=texts.length
    )


def _of_open_clip(folder: Path) -> Towers:
    model, tokenizer = open_clip_model.read(folder)
    make_traceable(model)
    image = ImageTower(model, model.encode_image, open_clip_model.preprocessing_of(model))
    reader = open_clip_text.reader_of(tokenizer)
    is_cut = open_clip_text.reads_no_padding(model)
    text = TextTower(
        model,
        (lambda ids: open_clip_text.encode_prefixes(model, ids)) if is_cut else model.encode_text,
    )
    where = open_clip_text.read_rule(model) if is_cut else ""
    return Towers(image, text, where, _open_clip_reader(reader, tokenizer))


def _open_clip_reader(reader: SimpleReader | HubReader, tokenizer: Any) -> Described:
    if isinstance(reader, HubReader):
        return light_reader.describe_hub(reader)
    return light_reader.describe_simple(tokenizer, pad=0)


def _unit(features: Any) -> "Tensor":
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        raise TypeError("the tower gives more than one vector per input")
    return torch.nn.functional.normalize(features.float(), dim=-1)
