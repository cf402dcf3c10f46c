"""Every kind of tower that open_clip builds, small and with random weights, through our loader."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from inference.runtime.encoder import Encoder
from inference.runtime.encoders import open_clip_model
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, smooth_noise

TEXTS = ["a cat", "a photo of a dog that sleeps", "!"]
PICTURES = [smooth_noise(90, 61), smooth_noise(64, 80, seed=1), smooth_noise(70, 70, seed=2)]
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
KINDS: dict[str, dict[str, Any]] = {
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


def write(folder: Path, config: dict[str, Any]) -> None:
    """A random model of this architecture, as open_clip saves one."""
    folder.mkdir()
    architecture = {"embed_dim": 48} | config
    is_siglip = "init_logit_bias" in architecture
    preprocess = {"resize_mode": "squash", "mean": [0.5] * 3, "std": [0.5] * 3} if is_siglip else {}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": architecture, "preprocess_cfg": preprocess})
    )
    torch.manual_seed(11)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    state = {name: tensor.clone().contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    write(tmp_path / "model", json.loads(json.dumps(KINDS[kind])))
    return tmp_path / "model"


def test_a_tower_gives_what_open_clip_gives(kind: str, folder: Path) -> None:
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    model.eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    with torch.inference_mode():
        pixels = torch.stack([preprocess(picture) for picture in PICTURES])
        images = model.encode_image(pixels, normalize=True).numpy()
        texts = model.encode_text(tokens, normalize=True).numpy()

    ours = open_clip_model.load(OPEN_CLIP_SPEC, folder)

    # A grey level of difference in a pixel is all that preprocessing may add.
    assert (ours.encode_images(PICTURES) * images).sum(axis=1).min() > 0.9999
    np.testing.assert_allclose(ours.encode_texts(TEXTS), texts, atol=1e-5)
    assert ours.embed_dim == texts.shape[1]
    _assert_describes_itself(kind, ours)


def _assert_describes_itself(kind: str, encoder: Encoder) -> None:
    is_siglip = kind == "siglip"
    assert (encoder.logit_bias != 0) is is_siglip
    assert encoder.image_size == KINDS[kind]["vision_cfg"]["image_size"]
    assert encoder.parameter_bytes > 0
