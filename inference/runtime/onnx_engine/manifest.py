"""What an export folder says of itself: which engine is to serve the model here, and why.

<cache_dir>/onnx/<fingerprint>/manifest.json    a Manifest; written last
                               reader.json      how texts are read (texts.light_reader)
                               image.onnx, text.onnx, and their weights
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from inference.runtime import cache_files
from inference.runtime.encoder import Agreement
from inference.runtime.images.preprocessing import (
    Alpha,
    CropRounding,
    Fit,
    Method,
    Preprocessing,
)

# Of this file's fields and of what the folder holds.
VERSION = 1
NAME = "manifest.json"
READER = "reader.json"
IMAGE, TEXT = "image.onnx", "text.onnx"
WEIGHTS = ".weights"  # behind the name of either


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What an encoder says of its model; see encoder.Encoder.

    `cut`: where a tower reads a text that needs no padding, at its highest id ("argmax") or at
    the first of one id ("first:49407"); "" where it sees the padding.
    """

    embed_dim: int
    patch_size: int | None
    logit_scale: float
    logit_bias: float
    is_sigmoid: bool
    preprocessing: Preprocessing
    cut: str = ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`reason`: why onnxruntime does not serve the model; "" if it does.

    `cpu_ms` by engine: processor time of an image, measured at the export. `sizes` of all other
    files.
    """

    reason: str = ""
    facts: Facts | None = None
    cpu_ms: Mapping[str, float] = field(default_factory=dict)
    agreement: Agreement | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def weight_bytes(self) -> int:
        return sum(size for name, size in self.sizes.items() if name.endswith(WEIGHTS))


def write(folder: Path, manifest: Manifest) -> None:
    """Last: without it the folder does not count. Raises OSError."""
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    content = asdict(manifest) | {"sizes": sizes, "version": VERSION}
    cache_files.replace_json(folder / NAME, content)


def read(folder: Path) -> Manifest | None:
    """None for a folder that is not there, is of another version, or lacks a part of a file."""
    content = cache_files.read_json(folder / NAME)
    try:
        manifest = _parse(content) if content["version"] == VERSION else None
    except (TypeError, KeyError, ValueError):
        return None
    return manifest if manifest and _is_whole(folder, manifest) else None


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    paths = {name: folder / name for name in manifest.sizes}
    return all(
        path.is_file() and path.stat().st_size == manifest.sizes[name]
        for name, path in paths.items()
    )


def _parse(content: Mapping[str, Any]) -> Manifest:
    facts, agreement = content["facts"], content["agreement"]
    return Manifest(
        reason=str(content["reason"]),
        facts=_facts(facts) if facts else None,
        cpu_ms=dict(content["cpu_ms"]),
        agreement=Agreement(**agreement) if agreement else None,
        sizes=dict(content["sizes"]),
    )


def _facts(content: Mapping[str, Any]) -> Facts:
    given = content["preprocessing"]
    preprocessing = Preprocessing(
        **given
        | {
            "mean": tuple(given["mean"]),
            "std": tuple(given["std"]),
            "fit": Fit(given["fit"]),
            "crop_rounding": CropRounding(given["crop_rounding"]),
            "alpha": Alpha(given["alpha"]),
            "method": Method(given["method"]),
        }
    )
    return Facts(**dict(content) | {"preprocessing": preprocessing})
