"""Finds the export of a model, or has it made: once for each set of weights, code and processor."""

import fcntl
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from inference.runtime.onnx_engine import manifest
from inference.runtime.onnx_engine.manifest import Manifest
from inference.runtime.onnx_engine.request import REFUSED, Request

log = logging.getLogger(__name__)

PROJECT = Path(__file__).parents[3]
CHILD = "inference.runtime.onnx_engine.child"
LONGEST_S = 3600.0
# Measured with ViT-B/32: torch's copy, the library's, the trace, and the file that is written.
COPIES = 4.0
# Of an export that was broken off.
PARTIAL_AFTER_S = 2 * LONGEST_S
_MEMORY = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")  # as a container sees its own


def prepare(request: Request, *, weight_bytes: int, cache_bytes: int) -> Manifest:
    """What is to serve the model, made now if it is not there: minutes, and a few times the
    weights' memory, in a child process.

    All exports together are kept within `cache_bytes`, 0 for no bound: the least recently used go.
    Never raises; a reason that no manifest keeps is one that may be another tomorrow.
    """
    found = manifest.read(request.target)
    if found is None:
        try:
            request.target.parent.mkdir(parents=True, exist_ok=True)
            with _alone(request.target):
                found = manifest.read(request.target) or _make(request, weight_bytes)
        except OSError as error:  # a full disk, or a folder that is read-only
            return Manifest(reason=f"no export: {error}")
    with suppress(OSError):
        if request.target.is_dir():
            request.target.touch()
        _tidy(request.target.parent, keep=request.target, cache_bytes=cache_bytes)
    return found


def _make(request: Request, weight_bytes: int) -> Manifest:
    if reason := _lack_of_memory(weight_bytes):
        return Manifest(reason=reason)
    log.info("exporting for onnxruntime, once for these weights model=%s", request.spec.repo)
    began_s = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", CHILD],
            input=request.to_json(),
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=PROJECT,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Manifest(reason=f"the export took longer than {LONGEST_S:.0f} s")
    if done.returncode == REFUSED:
        return Manifest(reason="torch's own check refuses it")
    # Whoever made it: a second process may have, where the lock's file was deleted meanwhile.
    found = manifest.read(request.target)
    if found is None:
        log.error("export failed model=%s: %s", request.spec.repo, done.stderr[-2000:])
        return Manifest(reason=f"the export ended with status {done.returncode}")
    log.info("exported model=%s s=%.0f", request.spec.repo, time.monotonic() - began_s)
    return found


def _lack_of_memory(weight_bytes: int) -> str:
    """Why it is not even tried: the system would end some process, and maybe not the child."""
    needed, available = COPIES * weight_bytes, _available_bytes()
    if available is None or needed <= available:
        return ""
    return f"an export needs {needed / 1e9:.1f} GB of memory, and {available / 1e9:.1f} are free"


def _available_bytes() -> int | None:
    """Of the machine or the container, whichever has less; None: this system does not say."""
    known = [free for free in (_free_of_machine(), _free_of_container()) if free is not None]
    return min(known, default=None)


def _free_of_machine() -> int | None:
    try:
        lines = _MEMORY.read_text().splitlines()
    except OSError:
        return None
    fields = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return int(fields[1]) * 1024 if fields else None


def _free_of_container() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return None
    return int(limit) - used if limit.isdigit() else None  # "max": no limit


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Of all processes that want this export, one makes it, and the others wait."""
    with target.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tidy(root: Path, *, keep: Path, cache_bytes: int) -> None:
    """What is open elsewhere stays readable there: a file goes with the last that has it open."""
    now_s = time.time()
    for partial in root.glob("*.partial"):
        if now_s - partial.stat().st_mtime > PARTIAL_AFTER_S:
            shutil.rmtree(partial, ignore_errors=True)
    if not cache_bytes:
        return
    total = _size(keep)
    for folder in _newest_first(root, keep=keep):
        total += _size(folder)
        if total > cache_bytes:
            log.info("export deleted to keep within the bound folder=%s", folder.name)
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)


def _newest_first(root: Path, *, keep: Path) -> Sequence[Path]:
    folders = [path for path in root.iterdir() if path.is_dir() and not path.suffix]
    others = [path for path in folders if path != keep]
    return sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
