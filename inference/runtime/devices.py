"""Where a model computes, and in which numbers.

Any name that torch knows: "cpu", "cuda", "cuda:1", "mps". Nothing here imports torch until asked.
"""

import gc
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.runtime.encoder import Embeddings
from inference.runtime.errors import DeviceMissing

if TYPE_CHECKING:
    import torch

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def check(device: str) -> None:
    """Raises DeviceMissing, with a sentence for the operator, if torch cannot compute there."""
    import torch

    try:
        wanted = torch.device(device)
        if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
            raise DeviceMissing.of(device, f"torch sees {torch.cuda.device_count()} CUDA devices")
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise DeviceMissing.of(device, str(error).splitlines()[0]) from error


def choose_dtype(wish: str, *, device: str, has_bf16: bool) -> str:
    """torch's name of the numbers to compute in: float32, bfloat16 or float16.

    "auto" is float32 on a CPU, which computes bf16 slower (8.4 against 14.5 images/s), and on
    CUDA bfloat16, which cannot overflow, or float16 where the GPU is too old for it. Raises
    ValueError for an unknown wish.
    """
    if wish in DTYPES:
        return DTYPES[wish]
    if wish != "auto":
        raise ValueError(f"DTYPE is {wish!r}; it may be auto, {', '.join(DTYPES)}")
    if not device.startswith("cuda"):
        return "float32"
    return "bfloat16" if has_bf16 else "float16"


def dtype_on(device: str, wish: str) -> "torch.dtype":
    """What `choose_dtype` says of this machine; raises DeviceMissing."""
    import torch

    check(device)
    # From 8.0 (A100) on, bf16 is computed by the tensor cores.
    has_bf16 = device.startswith("cuda") and torch.cuda.get_device_capability(device)[0] >= 8
    dtype: torch.dtype = getattr(torch, choose_dtype(wish, device=device, has_bf16=has_bf16))
    return dtype


def send(tensor: "torch.Tensor", device: str) -> "torch.Tensor":
    """To the device; to CUDA through pinned memory, so that the copy does not hold up the host."""
    if not device.startswith("cuda"):
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def free_memory(device: str) -> None:
    """Give back what unloaded models have left behind."""
    import torch

    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def in_halves(encode: Callable[[Sequence[Any]], Embeddings], inputs: Sequence[Any]) -> Embeddings:
    """`encode(inputs)`, in two passes where the device's memory is too small for one.

    Raises torch.OutOfMemoryError if a single input does not fit.
    """
    import torch

    try:
        return encode(inputs)
    except torch.OutOfMemoryError:
        if len(inputs) < 2:
            raise
    # Outside of the handler: the exception's frames hold what takes the memory.
    free_memory("cuda" if torch.cuda.is_available() else "cpu")
    middle = len(inputs) // 2
    halves = [in_halves(encode, inputs[:middle]), in_halves(encode, inputs[middle:])]
    return np.concatenate(halves)
