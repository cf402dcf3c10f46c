"""A linear layer whose weights lie as oneDNN's kernels read them (see packing)."""

import torch

# A hint for the layout: rows that are multiplied at once, eight pictures of 50 patches.
ROWS = 400


class PackedLinear(torch.nn.Linear):
    """A float32 torch.nn.Linear on the CPU, for inference.

    A subclass, as some towers check for nn.Linear and multiply by anything else.
    """

    def __init__(self, linear: torch.nn.Linear) -> None:
        torch.nn.Module.__init__(self)  # nn.Linear's would make a weight of its own
        weight = linear.weight.detach()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.packed_bytes = weight.nbytes
        self.bias = linear.bias
        # Neither parameter nor buffer: code that walks over those cannot read this layout.
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS)

    @property
    def weight(self) -> torch.Tensor:  # type: ignore[override]
        """[out, in], rearranged back: as slow as a multiplication."""
        dense: torch.Tensor = self._packed.to_dense()
        return dense

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  nn.Linear's name
        """[..., in] to [..., out]."""
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            input, self._packed, self.bias, "none", [], ""
        )
        return product
