"""Architectures of every family, small enough to be built with random weights in a moment."""

from pathlib import Path
from typing import Any

from transformers import RobertaConfig

from tests.inference.runtime.tiny_models import tiny

VIT = {"image_size": 32, "patch_size": 8, "layers": 2, "width": 64, "head_width": 32}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
# SigLIP's own: no causal mask, read at the last token, which the padding is.
SIGLIP_TEXT = TEXT | {
    "context_length": 16,
    "no_causal_mask": True,
    "proj_bias": True,
    "pool_type": "last",
    "norm_kwargs": {"eps": 1e-6},
}
CLIPA_TEXT = TEXT | {"pool_type": "last", "no_causal_mask": True, "context_length": 32}
COCA_DECODER = TEXT | {"mlp_ratio": 4, "attn_pooler_heads": 2}
TINY_TIMM = {"timm_model_pretrained": False, "timm_drop": 0.0, "timm_drop_path": 0.0}
OPEN_CLIP_TOWERS: dict[str, dict[str, Any]] = {
    "clip": {"vision_cfg": VIT, "text_cfg": TEXT},
    "quick gelu": {"vision_cfg": VIT, "text_cfg": TEXT, "quick_gelu": True},
    "resnet": {
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8},
        "text_cfg": TEXT,
    },
    "siglip": {
        "vision_cfg": TINY_TIMM
        | {
            "image_size": 224,
            "timm_model_name": "vit_tiny_patch16_224",
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": SIGLIP_TEXT,
        "custom_text": True,
        "init_logit_bias": -10,
        "embed_dim": 192,
    },
    "convnext": {
        "vision_cfg": TINY_TIMM
        | {
            "image_size": 64,
            "timm_model_name": "convnext_atto",
            "timm_pool": "",
            "timm_proj": "linear",
        },
        "text_cfg": TEXT,
    },
    "mobileclip": {
        "vision_cfg": TINY_TIMM
        | {
            "image_size": 64,
            "timm_model_name": "fastvit_mci0",
            "timm_pool": "avg",
            "timm_proj": None,
        },
        "text_cfg": TEXT | {"no_causal_mask": False},
        "custom_text": True,
        "embed_dim": 512,
    },
    "vitamin": {
        "vision_cfg": TINY_TIMM
        | {
            "image_size": 224,
            "timm_model_name": "vitamin_small_224",
            "timm_pool": "",
            "timm_proj": "linear",
        },
        "text_cfg": TEXT,
        "custom_text": True,
    },
    "eva": {
        "vision_cfg": TINY_TIMM
        | {
            "image_size": 224,
            "timm_model_name": "eva02_tiny_patch14_224",
            "timm_pool": "token",
            "timm_proj": None,
        },
        "text_cfg": TEXT,
        "custom_text": True,
        "embed_dim": 192,
    },
    "clipa": {"vision_cfg": VIT | {"pool_type": "avg"}, "text_cfg": CLIPA_TEXT},
    "coca": {
        "vision_cfg": VIT
        | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        "text_cfg": TEXT | {"context_length": 76, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": COCA_DECODER,
        "custom_text": True,
    },
}

# How a text tower is read: by pool_type, with and without a mask, in both of open_clip's shapes.
SMALL_VIT = {"image_size": 32, "patch_size": 8, "layers": 1, "width": 64, "head_width": 32}
# Ids as in MetaCLIP 2 worldwide: the end of a text is not its highest id.
BYTES_TEXT = TEXT | {"vocab_size": 300, "hf_tokenizer_name": "bytes", "eos_id": 2}
# A text tower of transformers, built from a configuration beside the weights.
ROBERTA = {"hf_tokenizer_name": "bytes"}
NO_MASK = {"no_causal_mask": True}
OPEN_CLIP_TEXTS: dict[str, dict[str, Any]] = {
    f"{name} {pool}{' custom' if is_custom else ''}{' no mask' if mask else ''}": {
        "text_cfg": text | mask | {"pool_type": pool},
        "custom_text": is_custom,
    }
    for name, text in (("clip", TEXT), ("bytes", BYTES_TEXT))
    for pool in ("argmax", "eos", "last", "first")
    for is_custom in (False, True)
    for mask in ({}, NO_MASK)
    if (name, pool) != ("clip", "eos")  # no text of CLIP's has the id 2 at its end
} | {
    "clip eos": {"text_cfg": TEXT | {"pool_type": "eos", "eos_id": 49407}},
    "clip linear": {"text_cfg": TEXT | {"proj_bias": True}},
    "clip no projection": {"text_cfg": TEXT | {"proj_type": "none"}, "embed_dim": 64},
    "siglip": {
        "text_cfg": BYTES_TEXT
        | NO_MASK
        | {"pool_type": "last", "proj_bias": True, "context_length": 16},
        "custom_text": True,
        "init_logit_bias": -10,
    },
    "coca": {
        "text_cfg": TEXT | {"context_length": 76, "embed_cls": True, "output_tokens": True},
        "vision_cfg": SMALL_VIT
        | {"attentional_pool": True, "attn_pooler_heads": 2}
        | {"output_tokens": True},
        "multimodal_cfg": TEXT | {"mlp_ratio": 4, "attn_pooler_heads": 2},
        "custom_text": True,
    },
    "roberta mean": {
        "text_cfg": ROBERTA | {"hf_pooler_type": "mean_pooler", "hf_proj_type": "mlp"}
    },
    "roberta cls": {
        "text_cfg": ROBERTA | {"hf_pooler_type": "cls_pooler", "hf_proj_type": "linear"}
    },
}


def write_open_clip(config: dict[str, Any], folder: Path) -> Path:
    """A random model of this architecture, with the tokenizer that it names."""
    folder.mkdir()
    config = {"vision_cfg": SMALL_VIT} | config
    if "hf_tokenizer_name" in config["text_cfg"]:
        tiny.write_byte_tokenizer(folder)
    if "hf_pooler_type" in config["text_cfg"]:
        tower = RobertaConfig(
            vocab_size=300,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=90,
        )
        tower.save_pretrained(folder / "tower")
        named = {"hf_model_name": str(folder / "tower")}
        config = config | {"text_cfg": config["text_cfg"] | named}
    return tiny.write_architecture(folder, config)
