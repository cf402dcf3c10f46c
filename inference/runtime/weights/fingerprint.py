"""Tells one set of weights, configuration and tokenizer from any other, by their content."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from inference.runtime import cache_files


def fingerprint(files: Sequence[Path], cache_dir: Path) -> str:
    """64 hex digits of the files' names and content.

    Reads each file once, at about a gigabyte a second; after that its hash is remembered in
    `cache_dir` for as long as its size, times and inode stay.
    """
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.name}={_sha256(path, cache_dir)}\n".encode())
    return total.hexdigest()


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
