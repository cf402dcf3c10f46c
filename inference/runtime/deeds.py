"""What a fault test can do to the process that it runs in; see inference.faults."""

import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

LONG_S = 3600
SHORT_S = 0.25
ROOM_BYTES = 64 * 1024 * 1024


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
