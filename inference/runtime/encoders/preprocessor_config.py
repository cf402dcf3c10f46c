"""Reads the preprocessor_config.json of transformers as our parameters."""

import json
from pathlib import Path

from PIL import Image

from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import (
    OPENAI_MEAN,
    OPENAI_STD,
    Alpha,
    CropRounding,
    Preprocessing,
)


def read(path: Path) -> Preprocessing:
    """Raises WeightsUnusable for a file that is missing or asks for what we do not do."""
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
    # 224, {"shortest_edge": 224} and {"height": 224, "width": 224} mean the same here.
    if isinstance(size, int):
        return size
    sides = set(size.values())
    if len(sides) != 1:
        raise ValueError(f"only square sizes are supported, not {size}")
    return sides.pop()
