"""What self-checks found, remembered for as long as weights, code and settings stay."""

import hashlib
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

from inference.runtime import cache_files
from inference.runtime.self_check.shortcuts import Shortcut

_LIBRARIES = (
    "torch",
    "transformers",
    "open_clip_torch",
    "timm",
    "tokenizers",
    "sentencepiece",
    "numpy",
    "pillow",
)
_RUNTIME = Path(__file__).parents[1]


@dataclass(frozen=True)
class Verdict:
    """Which shortcuts are to be left out, or why the encoder is not served at all."""

    off: frozenset[Shortcut] = frozenset()
    refusal: str = ""


def memory_file(cache_dir: Path, fingerprint: str, *settings: object) -> Path:
    """Where the verdict on these weights is kept, for these settings and this code."""
    versions = [importlib.metadata.version(name) for name in _LIBRARIES]
    sources = sorted(_RUNTIME.rglob("*.py"))
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    key = json.dumps([fingerprint, versions, code, [str(setting) for setting in settings]])
    return cache_dir / "self-checks" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def recall(memory: Path) -> Verdict | None:
    stored = cache_files.read_json(memory)
    try:
        off = frozenset(Shortcut(name) for name in stored["off"])
        return Verdict(off, str(stored["refusal"]))
    except (TypeError, KeyError, ValueError):
        return None  # never judged, or the file is damaged


def remember(memory: Path, verdict: Verdict) -> None:
    cache_files.write_json(memory, {"off": sorted(verdict.off), "refusal": verdict.refusal})
