"""Weights laid out for the CPU once, when a model is loaded, instead of at every multiplication.

torch gives a float32 multiplication to MKL, which rearranges the weights for its kernel each time
and, on processors that are not Intel's, leaves their widest instructions unused. oneDNN, which
torch also ships, takes weights that were arranged before; torch.compile's "freezing" uses the same
two operators. Measured with ViT-B/32 on two cores of an AMD EPYC: 0.7 of the time for one picture,
0.8 for sixteen; vectors differ by some 1e-6.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from inference.runtime.weights import store

if TYPE_CHECKING:
    from torch.nn import Module


def pack(model: "Module") -> None:
    """Replace the linear layers of a float32 model on the CPU; the rest of it stays."""
    import torch

    from inference.runtime.cpu.mapped_embedding import MappedEmbedding
    from inference.runtime.cpu.packed_linear import PackedLinear

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            # Exactly: a subclass is made for somebody who reads its weight.
            if type(child) is torch.nn.Linear and child.weight.dtype == torch.float32:
                setattr(parent, name, PackedLinear(child))
    # What is left may be a view of the file of weights, and would keep all of it in memory.
    for each in model.modules():
        if not isinstance(each, MappedEmbedding):
            for parameter in each.parameters(recurse=False):
                parameter.data = parameter.data.clone()


def leave_in_file(model: "Module", path: Path) -> None:
    """Take the vocabulary of a model on the CPU from its safetensors file, where it is the same."""
    import torch

    from inference.runtime.cpu import mapped_embedding

    places = store.places(path)
    for name, child in list(model.named_modules()):
        place = places.get(f"{name}.weight")
        if type(child) is not torch.nn.Embedding or place is None:
            continue
        if child.num_embeddings < mapped_embedding.FEWEST_ROWS:
            continue
        if replacement := mapped_embedding.mapped(child, path, place):
            model.set_submodule(name, replacement)


def parameter_bytes(model: "Module") -> int:
    """Memory that the weights take, packed or not."""
    packed = sum(getattr(each, "packed_bytes", 0) for each in model.modules())
    return packed + sum(each.nbytes for each in model.parameters())
