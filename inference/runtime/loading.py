"""From a spec to a ready encoder."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import rmtree

import numpy as np
from PIL import Image

from inference.runtime import devices, process_stats
from inference.runtime.encoder import Encoder
from inference.runtime.errors import WeightsMissing, WeightsUnusable
from inference.runtime.images.preprocessing import Method
from inference.runtime.onnx_engine import encoder as onnx_encoder
from inference.runtime.onnx_engine import preparing
from inference.runtime.onnx_engine.request import Engine, Precision, Request
from inference.runtime.self_check import check, verdicts
from inference.runtime.self_check.shortcuts import Shortcut
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import layout, provenance, stand_ins, store
from inference.runtime.weights.fingerprint import engine_fingerprint, fingerprint

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How encoders compute: `dtype` is auto, fp32, bf16 or fp16 (devices.choose_dtype).

    `is_packed` applies to float32 by torch on the CPU (packing), to towers that are not compiled.
    `engine` and `precision` apply to float32 on the CPU; `photos`: a folder of JPEG photos that
    int8 is judged on; `export_bytes`: what exports for onnxruntime may take on disk, 0 for all.
    """

    device: str = "cpu"
    dtype: str = "auto"
    preprocessing: Method = Method.EXACT
    is_compiled: bool = False
    is_packed: bool = True
    engine: Engine = Engine.TORCH
    precision: Precision = Precision.FP32
    photos: Path | None = None
    export_bytes: int = 0


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

    Imports torch, unless onnxruntime serves the model. `cache_dir` keeps what is derived from the
    weights: exports, the verdicts of self_check, and a stand-in's tables; that one computes in
    float32 whatever the options say. `build` stands in for `build_encoder`. Raises WeightsMissing
    if `store.find` finds nothing, DeviceMissing, and WeightsUnusable if loading fails, the
    self-check does, memory is too small, or int8 is too far from float32.
    """
    options = options or Options(device=device)
    folder = store.find(spec, model_dir)
    if folder is None:
        raise _missing(spec)
    devices.check(options.device)
    if spec.loader is Loader.CONSE:
        return _load_stand_in(spec, cache_dir, options)
    if options.engine is Engine.TORCH and options.precision is Precision.FP32:
        return load_with_torch(spec, folder, cache_dir, options=options, build=build)
    return _load_with_onnxruntime(spec, folder, cache_dir, options)


def load_with_torch(
    spec: ModelSpec,
    folder: Path,
    cache_dir: Path,
    *,
    options: Options,
    build: Build | None = None,
) -> Encoder:
    """As `load`, of weights that `store.find` has found."""
    import torch

    try:
        return _load_checked(spec, folder, cache_dir, options, build or build_encoder)
    except torch.OutOfMemoryError as error:
        raise WeightsUnusable(f"{spec.repo} does not fit into {options.device}: {error}") from error


def _load_with_onnxruntime(
    spec: ModelSpec, folder: Path, cache_dir: Path, options: Options
) -> Encoder:
    """Falls back to torch, and says why; but for int8, which only onnxruntime computes."""
    reason = _why_not_onnxruntime(options)
    if not reason:
        try:
            served, reason = _exported(spec, folder, cache_dir, options)
            if served is not None:
                return served
        except (RuntimeError, ValueError) as error:
            reason = f"the export cannot be used: {error}"
    if options.precision is Precision.INT8:
        raise WeightsUnusable(
            f"{spec.repo} cannot be served in int8: {reason}. Take it out of PRECISION to serve it"
            " in float32."
        )
    log.warning("torch serves model=%s: %s", spec.repo, reason)
    encoder = load_with_torch(spec, folder, cache_dir, options=options)
    encoder.engine_note = reason
    return encoder


def _why_not_onnxruntime(options: Options) -> str:
    if options.device != "cpu":
        return f"onnxruntime computes on the CPU, not on {options.device}"
    if options.dtype not in ("auto", "fp32"):
        return f"DTYPE is {options.dtype}"
    return "COMPILE is on" if options.is_compiled else ""


def _exported(
    spec: ModelSpec, folder: Path, cache_dir: Path, options: Options
) -> tuple[Encoder | None, str]:
    """The encoder, or why there is none; raises RuntimeError or ValueError for a bad export."""
    request = export_request(spec, folder, cache_dir, options)
    weight_bytes = store.count_numbers(spec, folder) * devices.BYTES["float32"]
    found = preparing.prepare(request, weight_bytes=weight_bytes, cache_bytes=options.export_bytes)
    if found.reason:
        return None, found.reason
    try:
        encoder = onnx_encoder.load(
            request.target, found, repo=spec.repo, precision=options.precision.numbers
        )
    except (RuntimeError, ValueError):
        rmtree(request.target, ignore_errors=True)  # damaged: the next start makes it anew
        raise
    files = layout.files_read(spec, folder)
    encoder.revision = provenance.revision_of(spec.repo, folder, files, cache_dir)
    encoder.fingerprint = request.target.name
    return encoder, ""


def export_request(spec: ModelSpec, folder: Path, cache_dir: Path, options: Options) -> Request:
    """What to ask for; the target's name is the fingerprint of all that it depends on."""
    name = engine_fingerprint(
        fingerprint(layout.files_read(spec, folder), cache_dir),
        spec.loader,
        spec.is_openai_clip,
        process_stats.hardware("cpu"),
        Engine.ONNXRUNTIME,
        options.engine,
        options.precision,
        options.preprocessing,
        options.is_packed,
    )
    return Request(
        spec=spec,
        folder=folder.resolve(),
        cache_dir=cache_dir.resolve(),
        target=cache_dir.resolve() / "onnx" / name,
        engine=options.engine,
        precision=options.precision,
        preprocessing=options.preprocessing,
        is_packed=options.is_packed,
        photos=options.photos,
    )


def expected_bytes(spec: ModelSpec, *, model_dir: Path, options: Options) -> int:
    """Memory that the weights will take once loaded; 0 if unknown."""
    folder = store.find(spec, model_dir)
    if folder is None:
        return 0
    width = devices.BYTES[devices.dtype_name_on(options.device, options.dtype)]
    if options.precision is Precision.INT8:
        width = 2  # a byte for most numbers, four for a vocabulary's
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
    dtype = devices.dtype_name_on(options.device, options.dtype)
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
        expect=partial(expected, spec, folder),
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


def expected(spec: ModelSpec, folder: Path) -> check.Expected:
    """The library's own vectors of what self_check encodes; raises WeightsUnusable."""
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
