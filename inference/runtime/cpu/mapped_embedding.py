"""A vocabulary's embedding that stays in the weights file, mapped into memory.

A vocabulary takes 101 MB in CLIP and 1.2 GB in the largest SigLIP 2, and a label reads some ten
rows of it. Mapped, only the pages that were read are in memory; workers of one machine share them,
and the kernel reclaims them when it needs the room.
"""

import mmap
from pathlib import Path

import torch

from inference.runtime.weights.safetensors_header import TensorLocation

# Fewer rows are positions, all of which every input reads.
MIN_ROWS = 10_000


class MappedEmbedding(torch.nn.Embedding):
    def __init__(self, embedding: torch.nn.Embedding, table: torch.Tensor) -> None:
        torch.nn.Module.__init__(self)  # nn.Embedding's would make a table of its own
        for name in embedding.__constants__:
            setattr(self, name, getattr(embedding, name))
        self.weight = torch.nn.Parameter(table, requires_grad=False)


def mapped(
    embedding: torch.nn.Embedding, path: Path, location: TensorLocation
) -> MappedEmbedding | None:
    """The embedding over its location in the file; None if the file holds other numbers."""
    weight = embedding.weight
    is_same_shape = location.shape == tuple(weight.shape)
    if location.dtype != "F32" or weight.dtype != torch.float32 or not is_same_shape:
        return None
    try:
        # Compared in a mapping of its own: closing it releases the pages read for the comparison.
        if not torch.equal(_table(path, location), weight):
            return None
        return MappedEmbedding(embedding, _table(path, location))
    except (OSError, ValueError):  # a kernel that does not overcommit; a file that is too short
        return None


def _table(path: Path, location: TensorLocation) -> torch.Tensor:
    with path.open("rb") as file:
        # Copy-on-write, and never written: torch has no read-only tensors and would warn.
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    rows, width = location.shape
    flat = torch.frombuffer(
        content, dtype=torch.float32, count=rows * width, offset=location.start_bytes
    )
    return flat.view(rows, width)
