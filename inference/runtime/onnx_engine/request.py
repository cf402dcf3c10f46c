"""What the parent asks its child for, by way of JSON."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from inference.runtime.images.preprocessing import Method
from inference.runtime.spec import Loader, ModelSpec

REFUSED = 3  # the child's exit status where torch would not serve the weights either


class Engine(StrEnum):
    """What computes the towers on a CPU."""

    AUTO = "auto"  # onnxruntime where it is faster and equal, else torch
    TORCH = "torch"
    ONNXRUNTIME = "onnxruntime"  # where it is equal, else torch


class Precision(StrEnum):
    FP32 = "fp32"
    INT8 = "int8"  # onnxruntime only, and refused where it is too far from float32

    @property
    def numbers(self) -> str:
        """As Encoder.precision names it."""
        return "int8" if self is Precision.INT8 else "float32"


@dataclass(frozen=True, kw_only=True)
class Request:
    """`folder`: the weights; `target`: where the export is to be, beside other exports.
    `photos`: a folder of JPEG photos that int8 is judged on."""

    spec: ModelSpec
    folder: Path
    cache_dir: Path
    target: Path
    engine: Engine
    precision: Precision
    preprocessing: Method
    is_packed: bool
    photos: Path | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Request":
        fields: dict[str, Any] = json.loads(text)
        spec = fields["spec"]
        return cls(
            spec=ModelSpec(**spec | {"loader": Loader(spec["loader"])}),
            folder=Path(fields["folder"]),
            cache_dir=Path(fields["cache_dir"]),
            target=Path(fields["target"]),
            engine=Engine(fields["engine"]),
            precision=Precision(fields["precision"]),
            preprocessing=Method(fields["preprocessing"]),
            is_packed=fields["is_packed"],
            photos=Path(fields["photos"]) if fields["photos"] else None,
        )
