"""Weights laid out for the CPU once, when a model is loaded, instead of at every multiplication.

torch gives a float32 multiplication to MKL, which rearranges the weights for its kernel each time
and, on processors that are not Intel's, leaves their widest instructions unused. oneDNN, which
torch also ships, takes weights that were arranged before; torch.compile's "freezing" uses the same
two operators. Measured with ViT-B/32 on two cores of an AMD EPYC: 0.7 of the time for one picture,
0.8 for sixteen; vectors differ by some 1e-6.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Module


def pack(model: "Module") -> None:
    """Replace the linear layers of a float32 model on the CPU; the rest of it stays."""
    import torch

    from inference.runtime.packed_linear import PackedLinear

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            # Exactly: a subclass is made for somebody who reads its weight.
            if type(child) is torch.nn.Linear and child.weight.dtype == torch.float32:
                setattr(parent, name, PackedLinear(child))
    # What is left may be a view of the file of weights, and would keep all of it in memory.
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()


def parameter_bytes(model: "Module") -> int:
    """Memory that the weights take, packed or not."""
    packed = sum(getattr(each, "packed_bytes", 0) for each in model.modules())
    return packed + sum(each.nbytes for each in model.parameters())
