"""Lays out weights for the CPU once, when a model is loaded, instead of at each multiplication.

torch hands float32 multiplications to MKL, which rearranges the weights for its kernel each time
and, on processors other than Intel's, leaves their widest instructions unused. oneDNN, which torch
also ships, takes weights that were arranged before; torch.compile's "freezing" uses the same two
operators. Measured with ViT-B/32 on two cores of an AMD EPYC: 0.7 of the time for one picture,
0.8 for sixteen; vectors differ by some 1e-6.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inference.runtime.weights.safetensors_header import locations

if TYPE_CHECKING:
    from torch.nn import Module


def pack(model: "Module") -> None:
    """Replaces the linear layers of a float32 model on the CPU."""
    import torch

    from inference.runtime.cpu.mapped_embedding import MappedEmbedding
    from inference.runtime.cpu.packed_linear import PackedLinear

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            # Not isinstance: a subclass (as attention's out_proj) exists because its weight is
            # read directly.
            if type(child) is torch.nn.Linear and child.weight.dtype == torch.float32:
                setattr(parent, name, PackedLinear(child))
    # The other parameters may be views of the weights file, and would keep all of it in memory.
    for module in model.modules():
        if not isinstance(module, MappedEmbedding):
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.clone()


def leave_in_file(model: "Module", paths: Sequence[Path]) -> None:
    """Maps a CPU model's vocabulary from its safetensors files, if the numbers are the same."""
    import torch

    from inference.runtime.cpu import mapped_embedding

    tensors = {
        name: (path, location) for path in paths for name, location in locations(path).items()
    }
    for name, child in list(model.named_modules()):
        stored = tensors.get(f"{name}.weight")
        if type(child) is not torch.nn.Embedding or stored is None:
            continue
        if child.num_embeddings < mapped_embedding.MIN_ROWS:
            continue
        if replacement := mapped_embedding.mapped(child, *stored):
            model.set_submodule(name, replacement)


def parameter_bytes(model: "Module") -> int:
    packed = sum(getattr(module, "packed_bytes", 0) for module in model.modules())
    return packed + sum(parameter.nbytes for parameter in model.parameters())
