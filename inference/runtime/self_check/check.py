"""Compares an encoder as it is served with the library's own answers, before it is served.

A shortcut that changes the answers is switched off; an encoder that differs without any shortcut
is not served. The verdict is remembered by the weights' fingerprint, so that a second start takes
no longer than one without the check.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from inference.runtime import devices
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import Method
from inference.runtime.self_check import verdicts
from inference.runtime.self_check.shortcuts import Shortcut
from inference.runtime.self_check.verdicts import Verdict

log = logging.getLogger(__name__)

Build = Callable[[frozenset[Shortcut]], Encoder]

# Of several lengths, one beyond any context, some with what tokenizers treat differently.
TEXTS = (
    "a cat",
    "a photo of a dog that sleeps on the stairs of an old house by the sea",
    "!",
    "una taza de café",
    "a diagram, 3 x 4, " * 60,
    "the",
    "\u201cﬁne\u201d cafe\u0301 &amp; Ｗide \u2014 it\u2019s",
)
# Six: with fewer images the CPU does not divide a batch into lanes.
_SHAPES = ((1.0, 1.0), (1.5, 1.0), (1.0, 1.3), (2.6, 2.0), (0.7, 0.9), (3.0, 1.1))

# The most that two unit vectors for one input may lie apart; with CLIP's scale of 100, a logit
# changes by at most a hundred times that. float32 differs by rounding only.
TOLERANCES = {"float32": 3e-4, "float16": 0.03, "bfloat16": 0.14}
# GPUs round the patch embedding's convolution to TF32.
_DEVICE_TOLERANCE = 5e-3
# A cosine of 0.9995, as in test_fast_preprocessing.py.
_FAST_TOLERANCE = 0.0317


@dataclass(frozen=True)
class Expected:
    """The library's own vectors for what the check encodes."""

    library: str
    images: Embeddings
    texts: Embeddings


@dataclass(frozen=True)
class Tolerance:
    """How far the vectors on this device may lie apart, in float32 and in the dtype cast to."""

    device: str
    dtype: str

    def of(self, shortcuts: frozenset[Shortcut]) -> float:
        exact = TOLERANCES[self.dtype if Shortcut.CAST in shortcuts else "float32"]
        return exact if self.device == "cpu" else max(exact, _DEVICE_TOLERANCE)


def checked(
    build: Build,
    wanted: frozenset[Shortcut],
    *,
    expect: Callable[[], Expected],
    tolerance: Tolerance,
    memory: Path,
) -> tuple[Encoder, frozenset[Shortcut]]:
    """The encoder with as many of `wanted` as leave its answers what they are, and which.

    `memory` is the file that keeps the verdict. Raises WeightsUnusable if no attempt is right.
    """
    verdict = verdicts.recall(memory)
    if verdict is None:
        verdict, encoder = _judge(build, wanted, expect(), tolerance)
        verdicts.remember(memory, verdict)
    else:
        encoder = None if verdict.refusal else build(wanted - verdict.off)
    if encoder is None:
        raise WeightsUnusable(verdict.refusal)
    if verdict.off:
        names = ",".join(sorted(verdict.off))
        log.warning("shortcuts switched off model=%s shortcuts=%s", encoder.repo, names)
    return encoder, wanted - verdict.off


def images(side: int) -> list[Image.Image]:
    """Colored noise at several scales and shapes around the square that the model sees."""
    random = np.random.default_rng(11)
    grids = [random.integers(0, 256, (9, 9, 3), dtype=np.uint8) for _ in _SHAPES]
    return [
        Image.fromarray(grid).resize(
            (round(side * width), round(side * height)), Image.Resampling.BICUBIC
        )
        for grid, (width, height) in zip(grids, _SHAPES, strict=True)
    ]


def _judge(
    build: Build, wanted: frozenset[Shortcut], expected: Expected, tolerance: Tolerance
) -> tuple[Verdict, Encoder | None]:
    faults = []
    for off in _attempts(wanted):
        encoder = build(wanted - off)
        fault = _fault(encoder, expected, wanted - off, tolerance.of(wanted - off))
        if not fault:
            return Verdict(off), encoder
        log.warning("self-check failed model=%s without=%s: %s", encoder.repo, sorted(off), fault)
        faults.append(fault)
        # Two large models may not fit side by side.
        del encoder
        devices.free_memory(tolerance.device)
    return Verdict(refusal=f"{faults[-1]}, even without shortcuts"), None


def _attempts(wanted: frozenset[Shortcut]) -> Iterator[frozenset[Shortcut]]:
    """What to leave out: nothing, each one alone, then all."""
    yield frozenset()
    for shortcut in Shortcut:
        if shortcut in wanted:
            yield frozenset({shortcut})
    if len(wanted) > 1:
        yield wanted


def _fault(
    encoder: Encoder, expected: Expected, shortcuts: frozenset[Shortcut], most: float
) -> str:
    """What differs by more than it may; "" if nothing does."""
    try:
        distances = _distances(encoder, expected, most, is_fast=Shortcut.FAST_IMAGES in shortcuts)
    except RuntimeError as error:  # torch's, from a shape that does not fit to a missing kernel
        if _is_out_of_memory(error):
            raise  # says nothing about the weights, and is not to be remembered
        return f"{encoder.repo} cannot be run: {error}"
    # "not <=", so that what is no number is a fault, too.
    faults = [name for name, (distance, limit) in distances.items() if not distance <= limit]
    shown = ", ".join(f"{name} by {distances[name][0]:.2g}" for name in faults)
    return f"{encoder.repo} differs from {expected.library}: {shown}" if faults else ""


def _distances(
    encoder: Encoder, expected: Expected, most: float, *, is_fast: bool
) -> dict[str, tuple[float, float]]:
    """What was compared: how far it is apart, and how far it may be."""
    pictures = images(encoder.image_size)
    as_served = encoder.preprocessing
    # The towers are compared on exact pixels; fast preprocessing has a tolerance of its own.
    encoder.preprocessing = replace(as_served, method=Method.EXACT)
    exact = encoder.encode_images(pictures)
    encoder.preprocessing = as_served
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    distances = {
        "images": (_distance(exact, expected.images), most),
        "texts": (_distance(encoder.encode_texts(TEXTS), expected.texts), most),
        "texts alone": (_distance(alone, expected.texts), most),
    }
    if is_fast:
        fast = _distance(encoder.encode_images(pictures), exact)
        distances["fast preprocessing"] = (fast, max(most, _FAST_TOLERANCE))
    return distances


def _is_out_of_memory(error: RuntimeError) -> bool:
    import torch

    # On a CPU it is a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)


def _distance(rows: Embeddings, expected: Embeddings) -> float:
    if rows.shape != expected.shape:
        return float("inf")
    return float(np.linalg.norm(rows - expected, axis=1).max())
