"""A table of word vectors that stays in the file of weights.

A vocabulary takes 101 MB in CLIP and 1.2 GB in the largest SigLIP 2, and a label reads some ten
rows of it. Mapped, only the pages that were read are in memory; workers of one machine share them,
and the kernel takes them back when it needs the room.
"""

import mmap
from pathlib import Path

import torch

from inference.runtime.weights.store import Place

# Fewer rows are positions, all of which every input reads.
FEWEST_ROWS = 10_000


class MappedEmbedding(torch.nn.Embedding):
    """As torch.nn.Embedding on the CPU, for inference."""

    def __init__(self, embedding: torch.nn.Embedding, table: torch.Tensor) -> None:
        torch.nn.Module.__init__(self)  # nn.Embedding's would make a table of its own
        for name in embedding.__constants__:
            setattr(self, name, getattr(embedding, name))
        self.weight = torch.nn.Parameter(table, requires_grad=False)


def mapped(embedding: torch.nn.Embedding, path: Path, place: Place) -> MappedEmbedding | None:
    """The embedding over its place in the file; None where the file holds other numbers."""
    weight = embedding.weight
    if place.dtype != "F32" or place.shape != tuple(weight.shape) or weight.dtype != torch.float32:
        return None
    try:
        # Compared in a mapping of its own, which takes with it the pages that were read for it.
        if not torch.equal(_table(path, place), weight):
            return None
        return MappedEmbedding(embedding, _table(path, place))
    except (OSError, ValueError):  # a kernel that does not overcommit; a file that is too short
        return None


def _table(path: Path, place: Place) -> torch.Tensor:
    with path.open("rb") as file:
        # A private copy, which nobody writes to: torch has no tensors that are read only.
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    rows, width = place.shape
    flat = torch.frombuffer(
        content, dtype=torch.float32, count=rows * width, offset=place.start_bytes
    )
    return flat.view(rows, width)
