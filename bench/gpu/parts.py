"""The parts of `make gpu-check`; each gives figures, and `ok` False where something is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from bench.gpu.stage import Stage
from inference.runtime import devices, process_stats
from inference.runtime.encoder import Encoder
from inference.runtime.images import headers
from inference.runtime.images.decoders import Decoder, Decoders
from inference.runtime.images.decoding import Task
from inference.runtime.model_cache import ModelCache
from inference.runtime.self_check import check
from inference.runtime.self_check.shortcuts import Shortcut

# GFLOP of an image, from open_clip's own profile (docs/open_clip_profile.csv there).
GFLOPS = {"ViT-S-32": 5.65, "ViT-S-16": 9.4, "ViT-B-32": 8.8, "ViT-L-14": 162.0}
GFLOPS |= {"ViT-bigG-14": 967.0}
_MATRIX = 4096
_TERA = 1e12

Figures = dict[str, Any]


def equality(stage: Stage) -> Figures:
    """Vectors of each number format beside float32 on the CPU: within the self-check's bounds."""
    name = stage.names[0]
    exact = stage.encoder(name, device="cpu", dtype="fp32")
    pictures = check.images(exact.image_size)
    expected = exact.encode_images(pictures), exact.encode_texts(check.TEXTS)
    found: Figures = {"ok": True}
    for dtype in stage.dtypes:
        encoder = stage.encoder(name, dtype=dtype)
        rows = encoder.encode_images(pictures), encoder.encode_texts(check.TEXTS)
        apart = max(
            float(np.linalg.norm(ours - theirs, axis=1).max())
            for ours, theirs in zip(rows, expected, strict=True)
        )
        most = _most(stage, devices.DTYPES[dtype])
        found[dtype] = {"apart": apart, "may": most}
        found["ok"] &= apart <= most
    return found


def bare_loop(stage: Stage) -> Figures:
    """Images a second of the tower alone, and which share of the matrix rate that is."""
    rate = _matrix_rate(stage)
    found: Figures = {"tflops_of_matrices": rate / _TERA, "models": {}}
    for name in stage.names:
        encoder = stage.encoder(name)
        images_per_s = _tower_per_s(stage, encoder)
        share = images_per_s * GFLOPS[name] * 1e9 / rate
        found["models"][name] = {"images_per_s": images_per_s, "share_of_matrix_rate": share}
        del encoder
        devices.free_memory(stage.device)
    return found


def compiling(stage: Stage) -> Figures:
    """torch.compile, on CUDA with graphs, on and off, one image and a batch."""
    name = stage.names[0]
    found: Figures = {}
    for is_compiled in (False, True):
        encoder = stage.encoder(name, is_compiled=is_compiled)
        found["compiled" if is_compiled else "eager"] = {
            "one": _tower_per_s(stage, encoder, count=1),
            "batch": _tower_per_s(stage, encoder),
        }
    return found


def worker(stage: Stage) -> Figures:
    """From JPEG to vector with a worker's decoders, over the bare loop."""
    encoder = stage.encoder(stage.names[0])
    bare = _tower_per_s(stage, encoder)
    decoders = Decoders(4)

    def decode(decoder: Decoder, jpeg: bytes) -> Any:
        task = Task(
            data=jpeg,
            size=headers.read(jpeg).upright_size,
            preprocessing=encoder.preprocessing,
        )
        return decoder.decode(task).crop

    try:
        count = len(stage.jpegs)
        fed = stage.per_s(
            lambda: encoder.encode_images(decoders.map(decode, stage.jpegs)), count=count
        )
    finally:
        decoders.close()
    return {"bare": bare, "images_per_s": fed, "ratio": fed / bare}


def served(stage: Stage) -> Figures:
    """ViT-B/32 through HTTP, queue and ledger, over the bare loop on the same device."""
    command = [
        sys.executable,
        "-m",
        "bench.engine",
        "--json",
        "--rounds",
        "1",
        "--no-waiting",
        "--no-queue",
    ]
    command += ["--seconds", str(2 * stage.seconds), "--only", "served, 32 clients|64 images a"]
    done = subprocess.run(
        command,
        env=os.environ | {"DEVICE": stage.device, "ENGINE": "torch"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: Figures = json.loads(done.stdout)
    return {"ratios": found["ratios"], "cases": found["rounds"][0]}


def memory(stage: Stage) -> Figures:
    """Megabytes of each model, by its parameters and by the process or the device."""
    found: Figures = {}
    for name in stage.names:
        before = _used_bytes(stage)
        encoder = stage.encoder(name)
        encoder.encode_images(stage.squares(encoder, stage.batch))
        found[name] = {
            "parameters_mb": encoder.parameter_bytes / 1e6,
            "used_mb": (_used_bytes(stage) - before) / 1e6,
        }
        del encoder
        devices.free_memory(stage.device)
    return found


def unloading(stage: Stage) -> Figures:
    """Two models in turns within a budget that holds one: each is loaded again, and right."""
    cache: ModelCache[Encoder] = ModelCache(weight=lambda model: model.parameter_bytes)
    names = [*stage.names[:2], *stage.names[:2]]
    rows: dict[str, Any] = {}
    evicted: list[str] = []
    found: Figures = {"ok": True}
    for before, name in pairwise(["", *names]):
        cache.budget_bytes = 1
        evicted += cache.make_room(1)
        devices.free_memory(stage.device)
        encoder = stage.encoder(str(name))
        cache.put(encoder.repo, encoder)
        row = encoder.encode_texts(["a photo of a cat"])
        known = rows.setdefault(name, row)
        found["ok"] &= bool(np.array_equal(known, row)) and before != name
        del encoder
    return found | {"evicted": evicted, "used_mb": _used_bytes(stage) / 1e6}


def _most(stage: Stage, dtype: str) -> float:
    is_cast = dtype != "float32"
    shortcuts = frozenset({Shortcut.CAST}) if is_cast else frozenset()
    return check.Tolerance(stage.device, dtype).of(shortcuts)


def _matrix_rate(stage: Stage) -> float:
    """FLOP/s of one large multiplication in the number format that is served."""
    import torch

    dtype = devices.dtype_on(stage.device, "auto")
    side = _MATRIX if stage.is_cuda else _MATRIX // 8
    left = torch.randn(side, side, device=stage.device, dtype=dtype)
    return stage.per_s(lambda: left @ left, count=2 * side**3)


def _tower_per_s(stage: Stage, encoder: Encoder, *, count: int = 0) -> float:
    squares = stage.squares(encoder, count or stage.batch)
    return stage.per_s(lambda: encoder.encode_images(squares), count=len(squares))


def _used_bytes(stage: Stage) -> int:
    return process_stats.device_bytes(stage.device) or process_stats.resident_bytes()


PARTS: Mapping[str, Callable[[Stage], Figures]] = {
    "equality": equality,
    "bare loop": bare_loop,
    "compiling": compiling,
    "worker": worker,
    "memory": memory,
    "unloading": unloading,
    "served": served,  # last, as it takes longest
}
