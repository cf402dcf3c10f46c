"""What an architecture measures: counted from open_clip's own model, without weights or memory.

The model is built on PyTorch's meta device, and its two towers run there once under PyTorch's FLOP
counter, which counts a multiply-add as two operations, for matrix products, convolutions and
attention. Layers, widths and heads are read from the built towers, timm's included.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inference.runtime import torchvision_operators
from inference.runtime.errors import WeightsUnusable

if TYPE_CHECKING:
    import torch

Figures = Mapping[str, float | int]

GIGA = 1e9
# Published figures are rounded to 10,000 parameters and to 0.01 GFLOP.
ROUNDED = {"parameters": 10_000, "image_gflops": 0.01, "text_gflops": 0.01}
# A token id that every vocabulary has.
ANY_TOKEN = 1


def measure(open_clip_model: str) -> Figures:
    """Figures of one architecture under the names of a model card's fields; unknown ones left out.

    `image_gflops` and `text_gflops` are of one image and one text of full length. Raises
    WeightsUnusable where open_clip doesn't know the name, or needs files that are not here: text
    towers from transformers have their configuration on Hugging Face.
    """
    torchvision_operators.declare()
    model = _built(open_clip_model)
    image_size, context = _side(model.visual.image_size), int(_context_length(model))
    figures = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "image_gflops": _image_gflops(model, image_size),
        "text_gflops": _text_gflops(model, context),
        "image_size": image_size,
        "context_length": context,
        **_image_tower(model.visual),
        **_text_tower(model),
    }
    return {name: figure for name, figure in figures.items() if figure}


def differences(published: object, computed: Figures) -> list[str]:
    """One line for each figure of `published`'s attributes that is not the computed one."""
    lines = []
    for name, figure in computed.items():
        stated = getattr(published, name, None)
        if stated is not None and abs(stated - figure) > ROUNDED.get(name, 0) * 1.001:
            lines.append(f"{name} published as {stated}, computed as {figure}")
    return lines


def _built(name: str) -> Any:
    import open_clip
    import torch

    config = open_clip.get_model_config(name)
    if config is None:
        raise WeightsUnusable(f"open_clip has no architecture named {name!r}")
    # The library would ask for it again and again where there is no network.
    if repo := config["text_cfg"].get("hf_model_name"):
        raise WeightsUnusable(f"{name} needs the configuration of {repo} from Hugging Face")
    with torch.device("meta"):
        model = open_clip.create_model(name, load_weights=False, device="meta")
    # Not only `no_grad`: the counter looks for the gradient of each parameter that asks for one.
    return model.eval().requires_grad_(requires_grad=False)


def _image_gflops(model: Any, side: int) -> float:
    import torch

    return _gflops(model.encode_image, torch.empty(1, 3, side, side, device="meta"))


def _text_gflops(model: Any, length: int) -> float:
    import torch

    tokens = torch.full((1, length), ANY_TOKEN, dtype=torch.long, device="meta")
    return _gflops(model.encode_text, tokens)


def _gflops(encode: Any, batch: "torch.Tensor") -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    # Attention's fast path fuses a whole layer into one operation, which is not counted.
    is_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), counter:
            encode(batch)
    finally:
        torch.backends.mha.set_fastpath_enabled(is_fast)
    return round(counter.get_total_flops() / GIGA, 2)


def _side(size: Any) -> int:
    return int(size[0] if isinstance(size, tuple | list) else size)


def _context_length(model: Any) -> int:
    return int(getattr(model, "context_length", None) or model.text.context_length)


def _image_tower(visual: Any) -> Mapping[str, int]:
    trunk = getattr(visual, "trunk", None)
    if trunk is None:
        return _transformer("image", getattr(visual, "transformer", None)) | _patch(visual)
    # timm's vision transformers; its ConvNets have stages and no heads, and are left out.
    blocks: Sequence[Any] = getattr(trunk, "blocks", ())
    attention = getattr(blocks[0], "attn", None) if len(blocks) else None
    patch = _patch(getattr(trunk, "patch_embed", None))
    # Hybrids look at feature maps, "in patches of 1": their blocks are not all of their layers.
    if attention is None or patch.get("patch_size") == 1:
        return {}
    tower = {
        "image_layers": len(blocks),
        "image_width": int(trunk.embed_dim),
        "image_heads": int(attention.num_heads),
    }
    return {**tower, **patch}


def _patch(owner: Any) -> dict[str, int]:
    size = getattr(owner, "patch_size", None)
    return {"patch_size": _side(size)} if size else {}


def _text_tower(model: Any) -> Mapping[str, int]:
    text = getattr(model, "text", model)
    return _transformer("text", getattr(text, "transformer", None))


def _transformer(side: str, transformer: Any) -> dict[str, int]:
    blocks = getattr(transformer, "resblocks", None)
    if blocks is None or not len(blocks):
        return {}
    attention = getattr(blocks[0], "attn", None)
    heads = getattr(attention, "num_heads", None)
    tower = {f"{side}_layers": len(blocks), f"{side}_width": int(transformer.width)}
    return tower | ({f"{side}_heads": int(heads)} if heads else {})
