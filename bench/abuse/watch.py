"""What the attacked site's processes take meanwhile, and whether any had to start again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

EVERY_S = 0.5
# Words of a command line that tell the supervisor's children apart.
ROLES = {"web": ("config.asgi", "config.server"), "worker": ("run_worker", "clip.")}


@dataclass
class Usage:
    """MB of web and worker with all their children; `restarts`: which of them started anew."""

    idle_mb: float = 0.0
    peak_mb: float = 0.0
    restarts: list[str] = field(default_factory=list)

    @property
    def over_idle_mb(self) -> float:
        return max(0.0, self.peak_mb - self.idle_mb)


@contextmanager
def watched(supervisor: psutil.Process) -> Iterator[Usage]:
    """Filled in when the block ends; idle is what it was when it began."""
    before = _by_role(supervisor)
    usage = Usage(idle_mb=_memory_mb(before))
    usage.peak_mb = usage.idle_mb
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(EVERY_S):
            usage.peak_mb = max(usage.peak_mb, _memory_mb(_by_role(supervisor)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield usage
    finally:
        stopped.set()
        thread.join()
        after = _by_role(supervisor)
        usage.restarts = [role for role in ROLES if after.get(role) != before.get(role)]


def _by_role(supervisor: psutil.Process) -> dict[str, psutil.Process]:
    found = {}
    for child in supervisor.children():
        with suppress(psutil.NoSuchProcess):
            command = " ".join(child.cmdline())
            for role, words in ROLES.items():
                if any(word in command for word in words):
                    found[role] = child
    return found


def _memory_mb(roles: dict[str, psutil.Process]) -> float:
    total = 0
    for process in roles.values():
        with suppress(psutil.NoSuchProcess):
            for member in [process, *process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += _memory_of(member)
    return total / 1e6


def _memory_of(process: psutil.Process) -> int:
    # Children share pages with whom they were forked from: counted in parts where the kernel can.
    full = process.memory_full_info()
    return int(getattr(full, "pss", 0) or full.rss)
