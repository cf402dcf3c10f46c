"""Where a model computes, and in which number format.

A device is any name that torch knows: "cpu", "cuda", "cuda:1", "mps". Importing this module does
not import torch.
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
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def check(device: str) -> None:
    """Raises DeviceMissing, with a sentence for the operator, if torch cannot compute there."""
    if device == "cpu":
        return  # always there, and most workers on it never import torch
    import torch

    try:
        parsed = torch.device(device)
        if parsed.type == "cuda" and (parsed.index or 0) >= torch.cuda.device_count():
            raise DeviceMissing.of(device, f"torch sees {torch.cuda.device_count()} CUDA devices")
        torch.empty(1, device=parsed)
    except (RuntimeError, AssertionError) as error:
        raise DeviceMissing.of(device, str(error).splitlines()[0]) from error


def choose_dtype(setting: str, *, device: str, has_bf16: bool) -> str:
    """torch's name of the dtype: float32, bfloat16 or float16.

    Raises ValueError for a setting other than "auto" and the keys of DTYPES.
    """
    if setting in DTYPES:
        return DTYPES[setting]
    if setting != "auto":
        raise ValueError(f"DTYPE is {setting!r}; it may be auto, {', '.join(DTYPES)}")
    if not device.startswith("cuda"):
        return "float32"  # a CPU computes bf16 slower: 8.4 against 14.5 images/s
    # bfloat16 has float32's range and cannot overflow; older GPUs lack it.
    return "bfloat16" if has_bf16 else "float16"


def dtype_name_on(device: str, setting: str) -> str:
    """`choose_dtype` for this machine's device; raises DeviceMissing."""
    check(device)
    return choose_dtype(setting, device=device, has_bf16=_has_bf16(device))


def _has_bf16(device: str) -> bool:
    if not device.startswith("cuda"):
        return False
    import torch

    # From 8.0 (A100) on, bf16 is computed by the tensor cores.
    return bool(torch.cuda.get_device_capability(device)[0] >= 8)


def dtype_on(device: str, setting: str) -> "torch.dtype":
    """As `dtype_name_on`."""
    import torch

    dtype: torch.dtype = getattr(torch, dtype_name_on(device, setting))
    return dtype


def send(tensor: "torch.Tensor", device: str) -> "torch.Tensor":
    if not device.startswith("cuda"):
        return tensor.to(device)
    # From pinned memory the copy does not block the host.
    return tensor.pin_memory().to(device, non_blocking=True)


def free_memory(device: str) -> None:
    gc.collect()
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()


def in_halves(encode: Callable[[Sequence[Any]], Embeddings], inputs: Sequence[Any]) -> Embeddings:
    """`encode(inputs)`, split in halves as long as the device's memory is too small.

    Raises torch.OutOfMemoryError if a single input does not fit.
    """
    import torch

    try:
        return encode(inputs)
    except torch.OutOfMemoryError:
        if len(inputs) < 2:
            raise
    # Outside the handler, as the exception's frames hold on to the memory.
    free_memory("cuda" if torch.cuda.is_available() else "cpu")
    middle = len(inputs) // 2
    halves = [in_halves(encode, inputs[:middle]), in_halves(encode, inputs[middle:])]
    return np.concatenate(halves)
