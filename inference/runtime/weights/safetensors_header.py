"""Which tensors a safetensors file holds, and where, without reading the tensors."""

import json
from pathlib import Path
from typing import NamedTuple

_MAX_HEADER_BYTES = 100_000_000  # the format's own limit


class TensorLocation(NamedTuple):
    """Where in its file a tensor starts; `dtype` as safetensors spells it: F32, BF16."""

    dtype: str
    shape: tuple[int, ...]
    start_bytes: int


def locations(path: Path) -> dict[str, TensorLocation]:
    """The file's tensors by name; none if its header is damaged, which loading then reports.

    https://github.com/huggingface/safetensors#format: eight bytes of length, then JSON.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _MAX_HEADER_BYTES:
            return {}
        try:
            tensors = json.loads(file.read(length))
            return {
                name: TensorLocation(
                    tensor["dtype"], tuple(tensor["shape"]), 8 + length + tensor["data_offsets"][0]
                )
                for name, tensor in tensors.items()
                if name != "__metadata__"
            }
        except (ValueError, TypeError, KeyError, AttributeError):
            return {}
