"""From a spec to a ready encoder."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from inference.runtime import devices
from inference.runtime.encoder import Encoder
from inference.runtime.errors import WeightsMissing, WeightsUnusable
from inference.runtime.images.preprocessing import Method
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import store


@dataclass(frozen=True, kw_only=True)
class Options:
    """How encoders compute: `dtype` is auto, fp32, bf16 or fp16 (devices.choose_dtype).

    `is_packed` applies to float32 on the CPU (packing), and to towers that are not compiled.
    """

    device: str = "cpu"
    dtype: str = "auto"
    preprocessing: Method = Method.EXACT
    is_compiled: bool = False
    is_packed: bool = True


def load(
    spec: ModelSpec,
    *,
    model_dir: Path,
    cache_dir: Path,
    device: str = "cpu",
    options: Options | None = None,
) -> Encoder:
    """The encoder of `spec`; without `options`, with exact preprocessing on `device`.

    Imports torch. `cache_dir` is where the stand-in keeps what it derives from its packages; it
    computes in float32 whatever the options say. Raises WeightsMissing if `store.find` finds
    nothing, DeviceMissing, and WeightsUnusable if loading fails or memory is too small.
    """
    options = options or Options(device=device)
    folder = store.find(spec, model_dir)
    if folder is None:
        raise _missing(spec)
    devices.check(options.device)
    import torch

    try:
        encoder = _load(spec, folder, cache_dir, options)
    except torch.OutOfMemoryError as error:
        raise WeightsUnusable(f"{spec.repo} does not fit into {options.device}: {error}") from error
    encoder.preprocessing = replace(encoder.preprocessing, method=options.preprocessing)
    if options.is_compiled:
        encoder.compile()
    elif options.is_packed and options.device == "cpu":
        encoder.pack()
    return encoder


def expected_bytes(spec: ModelSpec, *, model_dir: Path, options: Options) -> int:
    """Memory that the weights will take once loaded; 0 if unknown."""
    folder = store.find(spec, model_dir)
    if folder is None:
        return 0
    width = devices.dtype_on(options.device, options.dtype).itemsize
    return store.count_numbers(spec, folder) * width


def warm_up(encoder: Encoder) -> None:
    """Encodes one image and one text, so that the first visitor does not wait for one-time setup.

    Raises WeightsUnusable if that fails, or gives vectors that are no numbers.
    """
    side = encoder.image_size
    gray = Image.new("RGB", (side, side), "gray")
    try:
        rows = [encoder.encode_images([gray]), encoder.encode_texts(["a photo"])]
    except RuntimeError as error:  # torch's, from a lack of memory to a missing kernel
        raise WeightsUnusable(f"{encoder.repo} cannot be run: {error}") from error
    if not all(np.isfinite(row).all() for row in rows):
        raise WeightsUnusable(f"{encoder.repo} gives vectors that are no numbers")


def _load(spec: ModelSpec, folder: Path, cache_dir: Path, options: Options) -> Encoder:
    device, dtype = options.device, options.dtype
    match spec.loader:
        case Loader.CONSE:
            from inference.runtime.encoders import conse

            return conse.load(spec, cache_dir=cache_dir, device=device)
        case Loader.OPEN_CLIP:
            from inference.runtime.encoders import open_clip_model

            return open_clip_model.load(spec, folder, device=device, dtype=dtype)
        case Loader.TRANSFORMERS:
            from inference.runtime.encoders import transformers_clip

            return transformers_clip.load(spec, folder, device=device, dtype=dtype)


def _missing(spec: ModelSpec) -> WeightsMissing:
    package = store.missing_demo_package() if spec.loader is Loader.CONSE else None
    return WeightsMissing.of_demo(package) if package else WeightsMissing.of(spec.repo)
