"""Keeps torch's threads from fighting with the other processes of the machine."""

import logging
import os
import sys

logger = logging.getLogger(__name__)


def wait_passively() -> None:
    """Lets idle OpenMP threads sleep instead of spin. Call before anything imports torch.

    Spinning threads lose their core to every other busy process: 2-thread ViT-B/32 falls from
    28 to 8 images/s beside one such process, and only to 25.5 with passive waiting. OpenMP reads
    the variable when it is loaded, so that a call after torch's import can only be logged.
    A value that the operator has set stays.
    """
    if "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        logger.warning("torch was imported before wait_passively: idle threads will spin")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def stay_alone() -> None:
    """What torch computes in the calling thread, that thread computes by itself."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def limit_threads(count: int | None) -> None:
    """Gives torch `count` threads per operation; None leaves its choice (one per core).

    Raises ValueError for less than one.
    """
    if count is None:
        return
    if count < 1:
        raise ValueError(f"torch needs at least one thread, not {count}")
    import torch

    torch.set_num_threads(count)
