"""torch.nn.MultiheadAttention in steps that can be traced for any number and length of inputs.

In the original's, a trace takes the length of its example for a constant.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import linear, scaled_dot_product_attention

if TYPE_CHECKING:
    from torch import Tensor


class TracedAttention(torch.nn.Module):
    """For inference, batch first, with queries, keys and values of one width."""

    def __init__(self, original: torch.nn.MultiheadAttention) -> None:
        super().__init__()
        self.original, self.heads = original, original.num_heads

    def forward(
        self, query: "Tensor", key: "Tensor", value: "Tensor", *, attn_mask: Any = None, **_: object
    ) -> "tuple[Tensor, None]":
        """[n, length, width] each; no weights are given back, as they are not asked for."""
        weights = self.original.in_proj_weight.chunk(3)
        bias = self.original.in_proj_bias
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        query, key, value = (
            linear(rows, weight, bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # type: ignore[no-untyped-call]
            for rows, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        if attn_mask is not None and attn_mask.ndim == 3:  # one for each input and head
            attn_mask = attn_mask.unflatten(0, (-1, self.heads))
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=attn_mask)
        return self.original.out_proj(mixed.transpose(1, 2).flatten(2)), None


def make_traceable(model: torch.nn.Module) -> None:
    """Replaces what it fits; others stay as they are."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.MultiheadAttention and _fits(child):
                setattr(parent, name, TracedAttention(child))


def _fits(attention: torch.nn.MultiheadAttention) -> bool:
    has_more = attention.bias_k is not None or attention.add_zero_attn
    return attention.batch_first and attention._qkv_same_embed_dim and not has_more
