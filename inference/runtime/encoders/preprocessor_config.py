"""Reads transformers' settings of an image processor as our parameters.

Each field means what CLIPImageProcessor or SiglipImageProcessor on Pillow makes of it; what we
cannot do is refused by name. To these an absent field has its default, null is false, or an error
where a value is needed, and a field that they do not know means nothing.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

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

# Any: whatever JSON somebody uploaded.
Config = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Processor:
    """One of transformers' image processors, and what an absent field means to it.

    `unconverted`: what becomes of transparency where do_convert_rgb is off; None refuses that, as
    the processor then hands gray and transparent images to the tower as they are.
    """

    kind: str
    size: Mapping[str, int]
    crop_size: int | None
    mean: Triple
    std: Triple
    unconverted: Alpha | None

    @property
    def names(self) -> set[str]:
        # What CLIP's was called until 2022.
        old = {"CLIPFeatureExtractor"} if self.kind == "CLIP" else set()
        return {f"{self.kind}ImageProcessor{suffix}" for suffix in ("", "Fast", "Pil")} | old


CLIP = Processor(
    kind="CLIP",
    size={"shortest_edge": 224},
    crop_size=224,
    mean=OPENAI_MEAN,
    std=OPENAI_STD,
    unconverted=None,
)
SIGLIP = Processor(
    kind="Siglip",
    size={"height": 224, "width": 224},
    crop_size=None,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    # SigLIP 2 is published with do_convert_rgb null: transformers' load_image, which its
    # pipelines call, makes each image RGB before the processor sees it.
    unconverted=Alpha.IGNORE,
)
# In order of preference, as the library has it: newer ones write all processors into one file.
FILES = ("processor_config.json", "preprocessor_config.json")


def read_folder(folder: Path, processor: Processor) -> Preprocessing:
    """From whichever of FILES holds the image processor; raises WeightsUnusable like `read`."""
    return read(next(filter(_holds_images, (folder / name for name in FILES))), processor)


def _holds_images(path: Path) -> bool:
    if path.name == FILES[-1]:
        return True
    try:
        return json.loads(path.read_text()).get("image_processor") is not None
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise WeightsUnusable(f"{path} cannot be used: {error}") from error


def read(path: Path, processor: Processor = CLIP) -> Preprocessing:
    """Raises WeightsUnusable for a file that is missing, or asks for what we do not do."""
    try:
        config = json.loads(path.read_text())
        if path.name == FILES[0]:
            config = config["image_processor"]
        if not isinstance(config, dict):
            raise ValueError("it holds no JSON object")
        return _preprocessing(config, processor)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsUnusable(f"{path} cannot be used: {error}") from error


def _preprocessing(config: Config, processor: Processor) -> Preprocessing:
    _refuse_other_steps(config, processor)
    alpha = _alpha(config, processor)
    fit, edge = _resizing(config, processor)
    is_cropped = _field(config, "do_center_crop", processor.crop_size is not None, _flag)
    size = _field(config, "crop_size", processor.crop_size, _crop_side) if is_cropped else edge
    if size is None:
        raise ValueError("do_center_crop is true, but crop_size is missing")
    if fit is Fit.CROP and not is_cropped:
        raise ValueError("do_center_crop is false: images would keep a shape that is not square")
    mean, std = _scaling(config, processor)
    return Preprocessing(
        size=size,
        shortest_edge=edge,
        mean=mean,
        std=std,
        interpolation=_field(config, "resample", Image.Resampling.BICUBIC, _resampling).name,
        fit=fit,
        crop_rounding=CropRounding.FLOOR,
        alpha=alpha,
    )


def _refuse_other_steps(config: Config, processor: Processor) -> None:
    name = config.get("image_processor_type") or config.get("feature_extractor_type")
    if name is not None and name not in processor.names:
        raise ValueError(f"image_processor_type {name!r} is not {processor.kind}'s")
    if config.get("auto_map"):
        raise ValueError("auto_map asks for code of its own")
    if not _field(config, "do_resize", True, _flag):
        raise ValueError("do_resize is false, which is not supported")
    for name in ("do_pad", "use_square_size"):
        if _field(config, name, False, _flag):
            raise ValueError(f"{name} is true, which is not supported")


def _alpha(config: Config, processor: Processor) -> Alpha:
    if _field(config, "do_convert_rgb", True, _flag):
        return Alpha.WHITE
    if processor.unconverted is None:
        raise ValueError("do_convert_rgb is false, which is not supported")
    return processor.unconverted


def _resizing(config: Config, processor: Processor) -> tuple[Fit, int]:
    """How an image is resized, and to which length in pixels."""
    size = config.get("size", processor.size)
    is_square = _field(config, "default_to_square", False, _flag)
    if not isinstance(size, Mapping | list):
        return (Fit.SQUASH if is_square else Fit.CROP), _side("size", size)
    if isinstance(size, Mapping) and set(size) == {"shortest_edge"}:
        return Fit.CROP, _side("size", size["shortest_edge"])
    # Height and width are taken literally: the library squashes the image into them.
    return Fit.SQUASH, _square_side("size", size)


def _scaling(config: Config, processor: Processor) -> tuple[Triple, Triple]:
    """Mean and deviation of pixels from 0 to 1, whatever the config divides them by."""
    factor, mean, std = 1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if _field(config, "do_rescale", True, _flag):
        factor = _field(config, "rescale_factor", 1 / 255, _number)
    if _field(config, "do_normalize", True, _flag):
        mean = _field(config, "image_mean", processor.mean, _triple)
        std = _field(config, "image_std", processor.std, _triple)
    if factor <= 0 or min(std) <= 0:
        raise ValueError(f"rescale_factor {factor} and image_std {std} must be above 0")
    scale = factor * 255
    if math.isclose(scale, 1, rel_tol=1e-9):
        return mean, std  # no rounding: the parameters are part of a fingerprint
    # (pixel * factor - mean) / std = (pixel / 255 - mean / scale) / (std / scale)
    return _divided(mean, scale), _divided(std, scale)


def _divided(triple: Triple, divisor: float) -> Triple:
    return (triple[0] / divisor, triple[1] / divisor, triple[2] / divisor)


def _field(config: Config, name: str, default: Any, parse: Callable[[str, Any], Any]) -> Any:
    return parse(name, config[name]) if name in config else default


def _flag(name: str, value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return bool(value)


def _number(name: str, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise ValueError(f"{name} must be a number, not {value!r}")
    return float(value)


def _triple(name: str, value: Any) -> Triple:
    values = value if isinstance(value, list) else [value] * 3
    if len(values) != 3:
        raise ValueError(f"{name} must have three numbers, not {value!r}")
    red, green, blue = (_number(name, channel) for channel in values)
    return (red, green, blue)


def _resampling(name: str, value: Any) -> Image.Resampling:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be a number of Pillow's filters, not {value!r}")
    return Image.Resampling(value)


def _crop_side(name: str, value: Any) -> int:
    return _square_side(name, value) if isinstance(value, dict | list) else _side(name, value)


def _square_side(name: str, value: Any) -> int:
    if isinstance(value, list):
        value = dict(zip(("height", "width"), value, strict=False)) if len(value) == 2 else {}
    if set(value) != {"height", "width"}:
        raise ValueError(f"{name} must be a side, or a height and a width")
    height, width = _side(name, value["height"]), _side(name, value["width"])
    if height != width:
        raise ValueError(f"{name} {value} is not square")
    return height


def _side(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a number of pixels, not {value!r}")
    return value
