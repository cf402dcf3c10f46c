"""The process that decodes: `python -m inference.runtime.images.child FD MEGABYTES SECONDS`.

It reads tasks from its socket until that is closed. Tasks are pickles of ours; answers are not, so
that whoever takes over a decoder cannot make the worker run anything: a line of JSON, then the
crop's pixels, then the preview.
"""

import json
import math
import pickle  # nosec B403
import resource
import sys
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from inference.runtime.deeds import DEEDS
from inference.runtime.images.decoding import READY, Damaged, Decoded, DecodingError, Task, decode
from inference.runtime.images.preprocessing import Method

_STATM = Path("/proc/self/statm")
_OOM_SCORE = Path("/proc/self/oom_score_adj")


def main(fd: int, memory_mb: int, cpu_s: int) -> None:
    warnings.simplefilter("ignore")  # of bombs and broken EXIF: what matters is an error
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory(memory_mb)
    # Closed by the worker, or by its end.
    with Connection(fd) as connection, suppress(EOFError, OSError):
        # From here on, what ends it is the image's doing.
        connection.send_bytes(READY)
        while True:
            # The worker wrote it: what a child answers is never unpickled.
            task: Task = pickle.loads(connection.recv_bytes())  # noqa: S301  # nosec B301
            if task.preprocessing.method is Method.FAST and "torch" not in sys.modules:
                _import_torch(memory_mb)
            for part in _answer(task, cpu_s):
                connection.send_bytes(part)


def _answer(task: Task, cpu_s: int) -> list[bytes]:
    began_s = _used_s()
    _limit_time(began_s + cpu_s)
    try:
        if task.fault:
            DEEDS[task.fault]()
        decoded: Decoded | None = decode(task)
        error = ""
    except (DecodingError, MemoryError) as failure:
        decoded, error = None, f"{type(failure).__name__}: {failure}"
    head = {"error": error, "is_damaged": error.startswith(Damaged.__name__)}
    head |= {"cpu_s": _used_s() - began_s}
    parts = [decoded.crop.tobytes(), decoded.preview] if decoded else []
    return [json.dumps(head).encode(), *parts]


def _import_torch(memory_mb: int) -> None:
    """With its gigabyte and its seconds not counted as those of the first image."""
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_CPU):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (hard, hard))
    import torch

    torch.set_num_threads(1)
    _limit_memory(memory_mb)


def _used_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _limit_memory(megabytes: int) -> None:
    # Should the machine run out of memory all the same, the kernel takes a decoder and no model.
    with suppress(OSError):
        _OOM_SCORE.write_text("1000")
    # On top of what Python and the libraries have mapped by now. Not all systems count that.
    if _STATM.exists():
        mapped = int(_STATM.read_text().split()[0]) * resource.getpagesize()
        most = mapped + megabytes * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _limit_time(until_s: float) -> None:
    # Counted by the kernel, so that it also holds for code that hangs after its worker has died;
    # and in a processor's seconds, so that a busy machine does not make an image costly.
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(until_s), hard))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
