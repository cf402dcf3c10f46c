"""Builds architectures without weights, to count their parameters."""

from typing import TYPE_CHECKING, Any

from inference.runtime import torchvision_operators
from inference.runtime.errors import WeightsUnusable
from inference.runtime.spec import Loader, ModelSpec

if TYPE_CHECKING:
    from transformers import CLIPConfig

CLIP_VOCABULARY = 49408
_CONTEXT_LENGTH = 77
_HEAD_WIDTH = 64


def count_parameters(spec: ModelSpec) -> int:
    """The exact number in both towers.

    Raises WeightsUnusable for an architecture that open_clip does not know.
    """
    import torch

    with torch.device("meta"):  # takes no memory for them
        model = _build(spec)
    return sum(parameter.numel() for parameter in model.parameters())


def clip_config(open_clip_model: str) -> "CLIPConfig":
    """transformers' CLIPConfig for one of open_clip's architectures.

    Only plain CLIP translates: two transformers with heads 64 wide. Raises WeightsUnusable for
    others (SigLIP, ResNets), and for a name that open_clip does not know.
    """
    torchvision_operators.declare()
    from transformers import CLIPConfig

    config = _open_clip_config(open_clip_model)
    if not _is_plain_clip(config):
        raise WeightsUnusable(f"{open_clip_model} is no plain CLIP: CLIPConfig cannot describe it")
    shared = {
        "hidden_act": "quick_gelu" if config.get("quick_gelu") else "gelu",
        "projection_dim": config["embed_dim"],
    }
    return CLIPConfig(
        text_config=shared | _text_config(config["text_cfg"]),
        vision_config=shared | _vision_config(config["vision_cfg"]),
        projection_dim=config["embed_dim"],
    )


def _build(spec: ModelSpec) -> Any:
    if spec.loader is Loader.CONSE:
        raise WeightsUnusable(f"{spec.repo} is a stand-in: it has no CLIP architecture to count")
    config = _open_clip_config(spec.open_clip_model)
    if spec.loader is Loader.TRANSFORMERS and _is_plain_clip(config):
        from transformers import CLIPModel

        return CLIPModel(clip_config(spec.open_clip_model))
    # SigLIP's towers have the same parameters in both libraries, in other tensors.
    import open_clip

    return open_clip.create_model(spec.open_clip_model, load_weights=False, device="meta")


def _is_plain_clip(config: dict[str, Any]) -> bool:
    is_vit = isinstance(config["vision_cfg"].get("layers"), int)
    return is_vit and not config.get("custom_text")


def _open_clip_config(name: str) -> dict[str, Any]:
    torchvision_operators.declare()
    import open_clip

    config: dict[str, Any] | None = open_clip.get_model_config(name)
    if config is None:
        raise WeightsUnusable(f"open_clip has no architecture named {name!r}")
    return config


def _text_config(text: dict[str, Any]) -> dict[str, Any]:
    return {
        "vocab_size": text.get("vocab_size", CLIP_VOCABULARY),
        "max_position_embeddings": text.get("context_length", _CONTEXT_LENGTH),
        "hidden_size": text["width"],
        "intermediate_size": int(text["width"] * text.get("mlp_ratio", 4)),
        "num_attention_heads": text["heads"],
        "num_hidden_layers": text["layers"],
    }


def _vision_config(vision: dict[str, Any]) -> dict[str, Any]:
    return {
        "image_size": vision["image_size"],
        "patch_size": vision["patch_size"],
        "hidden_size": vision["width"],
        "intermediate_size": int(vision["width"] * vision.get("mlp_ratio", 4)),
        "num_attention_heads": vision["width"] // vision.get("head_width", _HEAD_WIDTH),
        "num_hidden_layers": vision["layers"],
    }
