"""Fault points: where a test makes this process crash or hang, as the real world would.

Off unless GR_FAULTS names a folder and DEBUG is on (inference.checks sees to the latter). A file of
a point's name in that folder says what happens there: one of DEEDS, whose picture is meant (its
SHA-256, or `any`), and perhaps `once`.

    echo segv e3b0c442... > $GR_FAULTS/decode
    echo kill any once > $GR_FAULTS/settling

    submitted   a job is committed, nobody was told        (jobs.submit)
    claimed     jobs are claimed, nothing is decoded       (batches.make_ready)
    decode      one picture is about to be decoded         (batches)
    forward     a batch is about to go through the towers  (batches)
    settling    results are written, nothing is committed  (settling.succeed)
    settled     committed, the pictures are not deleted    (settling.succeed)
"""

import ctypes
import hashlib
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from catalog.infrastructure import storage
from inference.models import Job

POINTS = ("submitted", "claimed", "decode", "forward", "settling", "settled")
LONG_S = 3600
SHORT_S = 0.25
ROOM_BYTES = 64 * 1024 * 1024


def hit(point: str, *jobs: Job) -> None:
    """Do here what a test has asked for; nothing, as a rule."""
    if settings.FAULTS_DIR and settings.DEBUG:
        _hit(Path(settings.FAULTS_DIR) / point, jobs)


@dataclass(frozen=True)
class _Order:
    what: str
    sha256: str = "any"

    def means(self, jobs: Sequence[Job]) -> bool:
        return self.sha256 == "any" or any(self.sha256 in _digests(job) for job in jobs)


def _hit(file: Path, jobs: Sequence[Job]) -> None:
    with suppress(FileNotFoundError):
        words = file.read_text().split()
        order = _Order(*words[:2]) if words else None
        if order and order.means(jobs):
            # One order, one process: whoever takes the file away carries it out.
            if "once" in words[2:]:
                file.unlink()
            DEEDS[order.what]()


def _digests(job: Job) -> set[str]:
    digests = set()
    for name in job.image_files:
        with suppress(FileNotFoundError):
            digests.add(hashlib.sha256(storage.read(name)).hexdigest())
    return digests


def _signal(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def _memory() -> None:
    """As if the machine had none left: what asks for it gets a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES, before[1]))
    try:
        bytearray(16 * ROOM_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


DEEDS: Mapping[str, Callable[[], object]] = {
    "exit": lambda: os._exit(13),
    "segv": _signal(signal.SIGSEGV),
    "kill": _signal(signal.SIGKILL),
    "stop": _signal(signal.SIGSTOP),
    "memory": _memory,
    "slow": lambda: time.sleep(SHORT_S),
    # Code that no Python thread can interrupt; `seize` keeps the others from running, too.
    "hang": lambda: ctypes.CDLL(None).sleep(LONG_S),
    "seize": lambda: ctypes.PyDLL(None).sleep(LONG_S),
}
