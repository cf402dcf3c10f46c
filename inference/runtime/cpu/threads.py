"""Keeps a worker's threads from fighting with the other processes of the machine."""

import logging
import os
import sys

logger = logging.getLogger(__name__)

_COUNT = "OMP_NUM_THREADS"


def wait_passively() -> None:
    """Lets idle OpenMP threads sleep instead of spin. Call before anything imports torch.

    Values that the operator has set stay.
    """
    # Spinning threads lose their core to every other busy process: 2-thread ViT-B/32 falls from
    # 28 to 8 images/s beside one such process, and only to 25.5 with passive waiting.
    # OpenMP reads the variables when it is loaded, so a call after torch's import is too late.
    if "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        logger.warning("torch was imported before wait_passively: idle threads will spin")
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        # GNU's OpenMP, which torch brings on Linux, may spin for some microseconds: between two
        # operations that is cheaper than a wake-up (a single image takes 0.9 of the time).
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def limit_threads(count: int | None) -> None:
    """Gives each operation `count` threads, of torch and of onnxruntime; None: one per core.

    Raises ValueError for less than one.
    """
    if count is None:
        return
    if count < 1:
        raise ValueError(f"torch needs at least one thread, not {count}")
    # For a torch that is imported later, here or in a child: most workers never do.
    os.environ[_COUNT] = str(count)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(count)


def count() -> int:
    """Threads of an operation, by `limit_threads` or the operator; else the cores we may use."""
    wanted = os.environ.get(_COUNT, "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    # Not on every system.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1
