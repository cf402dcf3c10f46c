"""What the parts share: a device, random weights, photos, and a stopwatch that waits for it."""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from bench.engine import photos
from inference.runtime import devices, loading, process_stats
from inference.runtime.encoder import Encoder
from inference.runtime.loading import Options
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import random_weights

BATCH = 64


@dataclass
class Stage:
    """`names` are architectures of open_clip, the smallest first; `seconds` of a measurement."""

    device: str
    folder: Path
    names: Sequence[str]
    seconds: float
    jpegs: Sequence[bytes] = field(default_factory=lambda: photos.make(16))

    def __post_init__(self) -> None:
        devices.check(self.device)

    @property
    def is_cuda(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def hardware(self) -> str:
        return process_stats.hardware(self.device)

    @property
    def batch(self) -> int:
        return BATCH if self.is_cuda else 4

    @property
    def dtypes(self) -> tuple[str, ...]:
        return ("fp32", "bf16", "fp16")

    def encoder(self, name: str, *, device: str = "", dtype: str = "auto", **more: Any) -> Encoder:
        """Self-checked, as a worker loads it."""
        spec = self.spec(name)
        if not (self.folder / spec.folder).is_dir():
            random_weights.write(spec, self.folder)
        options = replace(Options(device=device or self.device, dtype=dtype), **more)
        return loading.load(
            spec, model_dir=self.folder, cache_dir=self.folder / "cache", options=options
        )

    def spec(self, name: str) -> ModelSpec:
        return ModelSpec(
            repo=f"random/{name.lower()}",
            loader=Loader.OPEN_CLIP,
            open_clip_model=name,
            revision="0" * 40,
        )

    def squares(self, encoder: Encoder, count: int) -> list[Image.Image]:
        crops = [encoder.preprocessing.crop(_opened(jpeg)) for jpeg in self.jpegs]
        return [crops[number % len(crops)] for number in range(count)]

    def per_s(self, call: Callable[[], object], *, count: int) -> float:
        """How many of what a call does `count` of are done a second; the first call is free."""
        call()
        self._wait()
        calls, began_s = 0, time.perf_counter()
        while time.perf_counter() - began_s < self.seconds:
            call()
            calls += 1
        self._wait()
        return calls * count / (time.perf_counter() - began_s)

    def _wait(self) -> None:
        if self.is_cuda:
            import torch

            torch.cuda.synchronize(self.device)


def _opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg)).convert("RGB")
