"""How much memory this process uses, on the machine and on its device."""

import os
import platform
import resource
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")
_RESIDENT_PAGES = 1  # the second field


def resident_bytes() -> int:
    """The current size on Linux; elsewhere the peak, which macOS reports in bytes."""
    try:
        pages = int(_STATM.read_text().split()[_RESIDENT_PAGES])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE")


def device_bytes(device: str) -> int | None:
    """GPU memory that torch reserves in this process; None on a CPU, and before torch is loaded."""
    torch = sys.modules.get("torch")
    if torch is None or not device.startswith("cuda"):
        return None
    return int(torch.cuda.memory_reserved(device))


def hardware(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()
