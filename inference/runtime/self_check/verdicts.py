"""What self-checks found, remembered for as long as weights, code and settings stay."""

from dataclasses import dataclass
from pathlib import Path

from inference.runtime import cache_files
from inference.runtime.self_check.shortcuts import Shortcut


@dataclass(frozen=True)
class Verdict:
    """Which shortcuts are to be left out, or why the encoder is not served at all."""

    off: frozenset[Shortcut] = frozenset()
    refusal: str = ""


def memory_file(cache_dir: Path, fingerprint: str) -> Path:
    """Where the verdict is kept on an engine's wanted form (`fingerprint.engine_fingerprint`)."""
    return cache_dir / "self-checks" / f"{fingerprint}.json"


def recall(memory: Path) -> Verdict | None:
    stored = cache_files.read_json(memory)
    try:
        off = frozenset(Shortcut(name) for name in stored["off"])
        return Verdict(off, str(stored["refusal"]))
    except (TypeError, KeyError, ValueError):
        return None  # never judged, or the file is damaged


def remember(memory: Path, verdict: Verdict) -> None:
    cache_files.write_json(memory, {"off": sorted(verdict.off), "refusal": verdict.refusal})
