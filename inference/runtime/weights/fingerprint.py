"""Tells one set of weights, configuration and tokenizer from any other, by their content."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from inference.runtime import cache_files

_LIBRARIES = (
    "torch",
    "transformers",
    "open_clip_torch",
    "timm",
    "tokenizers",
    "sentencepiece",
    "onnxruntime",
    "onnx",
    "numpy",
    "pillow",
)
_RUNTIME = Path(__file__).parents[1]


def fingerprint(files: Sequence[Path], cache_dir: Path) -> str:
    """64 hex digits of the files' names and content.

    Reads each file once, at about a gigabyte a second; after that its hash is remembered in
    `cache_dir` for as long as its size, times and inode stay.
    """
    total = hashlib.sha256()
    for path, digest in hashes(files, cache_dir).items():
        total.update(f"{path.name}={digest}\n".encode())
    return total.hexdigest()


def hashes(files: Sequence[Path], cache_dir: Path) -> Mapping[Path, str]:
    """Each file's SHA-256, in the order given; read and remembered as above."""
    return {path: _sha256(path, cache_dir) for path in files}


def engine_fingerprint(weights: str, *settings: object) -> str:
    """64 hex digits of all that vectors depend on: weights, code, libraries, and these settings."""
    parts = [weights, *_code(), *(str(setting) for setting in settings)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def _code() -> Sequence[str]:
    # What runs in this process was read when it started.
    versions = [importlib.metadata.version(name) for name in _LIBRARIES]
    sources = sorted(_RUNTIME.rglob("*.py"))
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return (*versions, code)


def _sha256(path: Path, cache_dir: Path) -> str:
    status = path.stat()
    # ctime, as mtime is copied along by whoever replaces a file with `cp -p`.
    identity = f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    name = hashlib.sha256(f"{identity} {status.st_ino}".encode()).hexdigest()
    memory = cache_dir / "file-hashes" / f"{name}.json"
    digest = cache_files.read_json(memory)
    if not isinstance(digest, str):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        cache_files.write_json(memory, digest)
    return digest
