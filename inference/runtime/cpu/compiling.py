"""Lets torch compile an image tower: into fused kernels, and on CUDA into graphs.

Compiled code fits one batch size. So the tower only ever sees powers of two: a batch is padded, and
the padding's rows are dropped. The first batch of a size takes seconds to a minute.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Tower = Callable[["Tensor"], "Tensor"]


def compiled(tower: Tower, *, device: str, backend: str = "inductor") -> Tower:
    """The same tower, [n, 3, size, size] to [n, dim], compiled when it is first called.

    On CUDA its results are overwritten by the next call.
    """
    import torch

    if backend != "inductor":
        options: dict[str, Any] = {"backend": backend}
    else:
        options = {"mode": "reduce-overhead"} if device.startswith("cuda") else {}
    return _padded(torch.compile(tower, dynamic=False, **options))


def _padded(tower: Tower) -> Tower:
    import torch

    def run(pixels: "Tensor") -> "Tensor":
        count = len(pixels)
        padding = pixels.new_zeros((padded_size(count) - count, *pixels.shape[1:]))
        return tower(torch.cat([pixels, padding]))[:count]

    return run


def padded_size(count: int) -> int:
    """The next power of two: 1, 2, 4, 8, ..."""
    return 1 << (count - 1).bit_length()
