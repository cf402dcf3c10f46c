"""The reference libraries' own steps, none of ours: what an encoder is compared with at load."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from inference.runtime import torchvision_operators
from inference.runtime.encoder import Embeddings
from inference.runtime.encoders import open_clip_model, transformers_model
from inference.runtime.encoders.clip_tower import LIBRARY_ERRORS, unit_rows
from inference.runtime.encoders.preprocessor_config import CLIP, SIGLIP, Processor
from inference.runtime.errors import WeightsUnusable
from inference.runtime.spec import Loader

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Plain:
    """A library's model in float32 on the CPU, run for one input at a time."""

    name: str
    image_size: int
    encode_image: Callable[[Image.Image], "torch.Tensor"]
    encode_text: Callable[[str], "torch.Tensor"]

    def images(self, images: Sequence[Image.Image]) -> Embeddings:
        """float32 [n, dim], L2-normalized."""
        return _rows([self.encode_image(image) for image in images])

    def texts(self, texts: Sequence[str]) -> Embeddings:
        """float32 [n, dim], L2-normalized."""
        return _rows([self.encode_text(text) for text in texts])


def load(loader: Loader, folder: Path, *, as_openai: bool = False) -> Plain:
    """Raises WeightsUnusable if the library cannot read the folder."""
    if loader is Loader.OPEN_CLIP:
        return _of_open_clip(folder)
    return _of_transformers(folder, as_openai=as_openai)


def _of_open_clip(folder: Path) -> Plain:
    model, tokenizer = open_clip_model.read(folder)
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2

    preprocessing = open_clip_model.preprocessing_of(model)
    preprocess = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)

    @torch.inference_mode()
    def encode_image(image: Image.Image) -> "torch.Tensor":
        features: torch.Tensor = model.encode_image(preprocess(image).unsqueeze(0))
        return features

    @torch.inference_mode()
    def encode_text(text: str) -> "torch.Tensor":
        features: torch.Tensor = model.encode_text(tokenizer([text]))
        return features

    return Plain("open_clip", preprocessing.size, encode_image, encode_text)


def _of_transformers(folder: Path, *, as_openai: bool) -> Plain:
    torchvision_operators.declare()
    import torch

    checkpoint = transformers_model.read(folder, dtype=torch.float32, as_openai=as_openai)
    model, texts = checkpoint.model, checkpoint.texts
    processor = _image_processor(checkpoint.family.processor, folder)
    side: int = model.config.vision_config.image_size

    @torch.inference_mode()
    def encode_image(image: Image.Image) -> "torch.Tensor":
        # Without its own conversion, the library means images that its `load_image` has read: RGB.
        seen = image if processor.do_convert_rgb else image.convert("RGB")
        pixels = processor(seen, return_tensors="pt")
        features: torch.Tensor = model.get_image_features(**pixels).pooler_output
        return features

    @torch.inference_mode()
    def encode_text(text: str) -> "torch.Tensor":
        features: torch.Tensor = model.get_text_features(**texts.plain_inputs(text)).pooler_output
        return features

    return Plain("transformers", side, encode_image, encode_text)


# Any: transformers' classes are typed too loosely to say more.
def _image_processor(processor: Processor, folder: Path) -> Any:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    library = {CLIP.kind: CLIPImageProcessorPil, SIGLIP.kind: SiglipImageProcessorPil}
    try:
        return library[processor.kind].from_pretrained(folder, local_files_only=True)
    except LIBRARY_ERRORS as error:
        raise WeightsUnusable(f"transformers cannot preprocess for {folder}: {error}") from error


def _rows(features: Sequence["torch.Tensor"]) -> Embeddings:
    return np.concatenate([unit_rows(row) for row in features])
