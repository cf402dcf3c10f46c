"""From a spec to a ready encoder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from inference.runtime import devices, process_stats
from inference.runtime.encoder import Encoder
from inference.runtime.errors import WeightsMissing, WeightsUnusable
from inference.runtime.images.preprocessing import Method
from inference.runtime.self_check import check, verdicts
from inference.runtime.self_check.shortcuts import Shortcut
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import layout, provenance, stand_ins, store
from inference.runtime.weights.fingerprint import engine_fingerprint, fingerprint


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


Build = Callable[[ModelSpec, Path, Options, frozenset[Shortcut]], Encoder]


def load(
    spec: ModelSpec,
    *,
    model_dir: Path,
    cache_dir: Path,
    device: str = "cpu",
    options: Options | None = None,
    build: Build | None = None,
) -> Encoder:
    """The encoder of `spec`; without `options`, with exact preprocessing on `device`.

    Imports torch. `cache_dir` keeps what is derived from the weights: the verdicts of self_check,
    and a stand-in's tables; that one computes in float32 whatever the options say. `build` stands
    in for `build_encoder`. Raises WeightsMissing if `store.find` finds nothing, DeviceMissing, and
    WeightsUnusable if loading fails, the self-check does, or memory is too small.
    """
    options = options or Options(device=device)
    folder = store.find(spec, model_dir)
    if folder is None:
        raise _missing(spec)
    devices.check(options.device)
    import torch

    try:
        if spec.loader is Loader.CONSE:
            return _load_stand_in(spec, cache_dir, options)
        return _load_checked(spec, folder, cache_dir, options, build or build_encoder)
    except torch.OutOfMemoryError as error:
        raise WeightsUnusable(f"{spec.repo} does not fit into {options.device}: {error}") from error


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


def _load_checked(
    spec: ModelSpec, folder: Path, cache_dir: Path, options: Options, build: Build
) -> Encoder:
    dtype = str(devices.dtype_on(options.device, options.dtype)).removeprefix("torch.")
    wanted = _shortcuts(options, dtype)
    files = layout.files_read(spec, folder)
    engine = (
        fingerprint(files, cache_dir),
        spec.loader,
        process_stats.hardware(options.device),
        dtype,
    )
    encoder, served = check.checked(
        partial(build, spec, folder, options),
        wanted,
        expect=partial(_expected, spec, folder),
        tolerance=check.Tolerance(options.device, dtype),
        memory=verdicts.memory_file(cache_dir, engine_fingerprint(*engine, *sorted(wanted))),
    )
    encoder.revision = provenance.revision_of(spec.repo, folder, files, cache_dir)
    encoder.fingerprint = engine_fingerprint(*engine, *sorted(served))
    return encoder


def _shortcuts(options: Options, dtype: str) -> frozenset[Shortcut]:
    is_on_cpu = options.device == "cpu"
    wishes = {
        Shortcut.CUT_TEXTS: True,
        Shortcut.MAPPED: is_on_cpu,
        Shortcut.LANES: is_on_cpu and not options.is_compiled,
        Shortcut.PACKED: is_on_cpu and options.is_packed and not options.is_compiled,
        Shortcut.COMPILED: options.is_compiled,
        Shortcut.FAST_IMAGES: options.preprocessing is Method.FAST,
        Shortcut.CAST: dtype != "float32",
    }
    return frozenset(shortcut for shortcut, is_wanted in wishes.items() if is_wanted)


def build_encoder(
    spec: ModelSpec, folder: Path, options: Options, shortcuts: frozenset[Shortcut]
) -> Encoder:
    """An encoder with these shortcuts only, unchecked."""
    encoder = _engine(spec.loader)(
        spec,
        folder,
        device=options.device,
        dtype=options.dtype if Shortcut.CAST in shortcuts else "fp32",
        shortcuts=shortcuts,
    )
    method = Method.FAST if Shortcut.FAST_IMAGES in shortcuts else Method.EXACT
    encoder.preprocessing = replace(encoder.preprocessing, method=method)
    if Shortcut.COMPILED in shortcuts:
        encoder.compile()
    elif Shortcut.PACKED in shortcuts:
        encoder.pack()
    return encoder


def _engine(loader: Loader) -> Callable[..., Encoder]:
    if loader is Loader.OPEN_CLIP:
        from inference.runtime.encoders import open_clip_model

        return open_clip_model.load
    from inference.runtime.encoders import transformers_model

    return transformers_model.load


def _expected(spec: ModelSpec, folder: Path) -> check.Expected:
    from inference.runtime.encoders import plain

    library = plain.load(spec.loader, folder, as_openai=spec.is_openai_clip)
    try:
        images = library.images(check.images(library.image_size))
        texts = library.texts(check.TEXTS)
    except RuntimeError as error:
        raise WeightsUnusable(f"{library.name} cannot run {spec.repo}: {error}") from error
    if images.shape[1] != texts.shape[1]:
        raise WeightsUnusable(
            f"{spec.repo} cannot compare images with texts: their vectors have "
            f"{images.shape[1]} and {texts.shape[1]} numbers"
        )
    return check.Expected(library.name, images, texts)


def _load_stand_in(spec: ModelSpec, cache_dir: Path, options: Options) -> Encoder:
    from inference.runtime.encoders import conse

    encoder = conse.load(spec, cache_dir=cache_dir, device=options.device)
    encoder.preprocessing = replace(encoder.preprocessing, method=options.preprocessing)
    files = conse.files(spec)
    encoder.revision = provenance.local_revision(files, cache_dir)
    encoder.fingerprint = engine_fingerprint(
        fingerprint(files, cache_dir), spec.loader, process_stats.hardware(options.device)
    )
    return encoder


def _missing(spec: ModelSpec) -> WeightsMissing:
    package = stand_ins.stand_in_of(spec).missing_package() if spec.loader is Loader.CONSE else None
    return WeightsMissing.of_demo(package) if package else WeightsMissing.of(spec.repo)
