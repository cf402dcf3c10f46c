"""What a repository's own configuration says of a model's two towers.

open_clip reads any repository that has an `open_clip_config.json`: there `hf-hub:owner/name` is the
architecture's name. transformers' `config.json` names none; its measures tell it, for the
architectures that have one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from catalog.models import Loader

# What a configuration holds is whatever somebody uploaded, hence `Any` and `object`.
Config = Mapping[str, Any]
V = TypeVar("V")

LARGEST_MEASURE = 100_000
MODEL_TYPES = ("clip", "siglip")
# (patch size, image width, image layers, embedding) of CLIP's plain towers.
CLIP = {
    (32, 768, 12, 512): "ViT-B-32",
    (16, 768, 12, 512): "ViT-B-16",
    (14, 1024, 24, 768): "ViT-L-14",
    (14, 1280, 32, 1024): "ViT-H-14",
    (14, 1664, 48, 1280): "ViT-bigG-14",
}
# With a picture of other than 224 px open_clip knows these only.
CLIP_SIZES = {
    ("ViT-B-32", 256): "ViT-B-32-256",
    ("ViT-L-14", 336): "ViT-L-14-336",
    ("ViT-H-14", 378): "ViT-H-14-378",
}
QUICK_GELU = {
    "ViT-B-32",
    "ViT-B-16",
    "ViT-L-14",
    "ViT-L-14-336",
    "ViT-H-14",
    "ViT-H-14-378",
    "ViT-bigG-14",
}
# (patch size, image width, image size) of SigLIP's towers, by the size of the vocabulary.
SIGLIP = {
    (16, 768, 224): "ViT-B-16-SigLIP",
    (16, 768, 256): "ViT-B-16-SigLIP-256",
    (16, 768, 384): "ViT-B-16-SigLIP-384",
    (16, 768, 512): "ViT-B-16-SigLIP-512",
    (16, 1024, 256): "ViT-L-16-SigLIP-256",
    (16, 1024, 384): "ViT-L-16-SigLIP-384",
    (14, 1152, 224): "ViT-SO400M-14-SigLIP",
    (14, 1152, 384): "ViT-SO400M-14-SigLIP-384",
}
SIGLIP_MULTILINGUAL = {
    (16, 768, 256): "ViT-B-16-SigLIP-i18n-256",
    (16, 1152, 256): "ViT-SO400M-16-SigLIP-i18n-256",
}
SIGLIP_2 = {
    (16, 768, 224): "ViT-B-16-SigLIP2",
    (16, 768, 256): "ViT-B-16-SigLIP2-256",
    (16, 768, 384): "ViT-B-16-SigLIP2-384",
    (16, 768, 512): "ViT-B-16-SigLIP2-512",
    (32, 768, 256): "ViT-B-32-SigLIP2-256",
    (16, 1024, 256): "ViT-L-16-SigLIP2-256",
    (16, 1024, 384): "ViT-L-16-SigLIP2-384",
    (16, 1024, 512): "ViT-L-16-SigLIP2-512",
    (14, 1152, 224): "ViT-SO400M-14-SigLIP2",
    (14, 1152, 378): "ViT-SO400M-14-SigLIP2-378",
    (14, 1152, 384): "ViT-SO400M-14-SigLIP2-378",  # as many patches: six pixels are in none
    (16, 1152, 256): "ViT-SO400M-16-SigLIP2-256",
    (16, 1152, 384): "ViT-SO400M-16-SigLIP2-384",
    (16, 1152, 512): "ViT-SO400M-16-SigLIP2-512",
    (16, 1536, 256): "ViT-gopt-16-SigLIP2-256",
    (16, 1536, 384): "ViT-gopt-16-SigLIP2-384",
}
SIGLIP_VOCABULARIES = {32_000: SIGLIP, 250_000: SIGLIP_MULTILINGUAL, 256_000: SIGLIP_2}

# transformers leaves out of a config.json what equals these.
CLIP_VISION = {
    "image_size": 224,
    "patch_size": 32,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
}
CLIP_TEXT = {
    "hidden_size": 512,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "vocab_size": 49_408,
}
SIGLIP_VISION = CLIP_VISION | {"patch_size": 16, "hidden_act": "gelu_pytorch_tanh"}
SIGLIP_TEXT = CLIP_TEXT | {
    "hidden_size": 768,
    "num_attention_heads": 12,
    "max_position_embeddings": 64,
    "vocab_size": 32_000,
}


@dataclass(frozen=True)
class Architecture:
    """Who reads the weights, what open_clip calls the architecture, and its measures as facts."""

    loader: Loader
    open_clip_model: str
    facts: Mapping[str, int]


def of_open_clip(repo: str, config: Config) -> Architecture | None:
    """From an `open_clip_config.json`; None where it describes no pair of towers."""
    model = _part(config, "model_cfg")
    vision, text = _part(model, "vision_cfg"), _part(model, "text_cfg")
    if not vision or not text:
        return None
    facts = {
        "image_size": vision.get("image_size"),
        "patch_size": vision.get("patch_size"),
        "image_layers": vision.get("layers"),
        "image_width": vision.get("width"),
        "text_layers": text.get("layers"),
        "text_width": text.get("width"),
        "text_heads": text.get("heads"),
        "context_length": text.get("context_length"),
        "embed_dim": model.get("embed_dim"),
    }
    return Architecture(Loader.OPEN_CLIP, f"hf-hub:{repo}", _measures(facts))


def of_transformers(config: Config) -> Architecture | None:
    """From a `config.json`; None where its measures are not those of a CLIP or SigLIP we know."""
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        return None
    is_clip = kind == "clip"
    vision = (CLIP_VISION if is_clip else SIGLIP_VISION) | _part(config, "vision_config")
    text = (CLIP_TEXT if is_clip else SIGLIP_TEXT) | _part(config, "text_config")
    embedding = config.get("projection_dim", 512) if is_clip else vision["hidden_size"]
    name = _clip_name(vision, embedding) if is_clip else _siglip_name(vision, text)
    if name is None:
        return None
    facts = {
        "image_size": vision["image_size"],
        "patch_size": vision["patch_size"],
        "image_layers": vision["num_hidden_layers"],
        "image_width": vision["hidden_size"],
        "image_heads": vision["num_attention_heads"],
        "text_layers": text["num_hidden_layers"],
        "text_width": text["hidden_size"],
        "text_heads": text["num_attention_heads"],
        "context_length": text["max_position_embeddings"],
        "embed_dim": embedding,
    }
    return Architecture(Loader.TRANSFORMERS, name, _measures(facts))


def _clip_name(vision: Config, embedding: object) -> str | None:
    towers = (vision["patch_size"], vision["hidden_size"], vision["num_hidden_layers"], embedding)
    name = _look_up(CLIP, towers)
    if name is not None and vision["image_size"] != 224:
        name = _look_up(CLIP_SIZES, (name, vision["image_size"]))
    if name is None or vision["hidden_act"] != "quick_gelu":
        return name
    return f"{name}-quickgelu" if name in QUICK_GELU else None


def _siglip_name(vision: Config, text: Config) -> str | None:
    names = _look_up(SIGLIP_VOCABULARIES, text["vocab_size"]) or {}
    towers = (vision["patch_size"], vision["hidden_size"], vision["image_size"])
    return _look_up(names, towers)


def _look_up(names: Mapping[Any, V], key: object) -> V | None:
    """None also for what could not be a key: a list where a number belongs."""
    try:
        return names.get(key)
    except TypeError:
        return None


def _part(config: Config, name: str) -> dict[str, Any]:
    part = config.get(name)
    return dict(part) if isinstance(part, Mapping) else {}


def _measures(facts: Mapping[str, object]) -> dict[str, int]:
    """Those that are stated as a sane whole number."""
    return {
        name: value
        for name, value in facts.items()
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_MEASURE
    }
