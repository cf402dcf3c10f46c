"""Parameter counts against those that open_clip's model profile states."""

import pytest
import torch
from transformers import SiglipConfig, SiglipModel

from inference.runtime.errors import WeightsUnusable
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights.architectures import clip_config, count_parameters

CARDS = [
    (
        ModelSpec(
            repo="openai/clip-vit-base-patch32",
            loader=Loader.TRANSFORMERS,
            open_clip_model="ViT-B-32-quickgelu",
            revision="c237dc49a33fc61debc9276459120b7eac67e7ef",
        ),
        151.28,
    ),
    (
        ModelSpec(
            repo="openai/clip-vit-large-patch14",
            loader=Loader.TRANSFORMERS,
            open_clip_model="ViT-L-14-quickgelu",
            revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
        ),
        427.62,
    ),
    (
        ModelSpec(
            repo="laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
            loader=Loader.OPEN_CLIP,
            open_clip_model="ViT-L-14",
            revision="1627032197142fbe2a7cfec626f4ced3ae60d07a",
        ),
        427.62,
    ),
    (
        ModelSpec(
            repo="laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
            loader=Loader.OPEN_CLIP,
            open_clip_model="ViT-L-14",
            revision="84c9828e63dc9a9351d1fe637c346d4c1c4db341",
        ),
        427.62,
    ),
    (
        ModelSpec(
            repo="laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
            loader=Loader.OPEN_CLIP,
            open_clip_model="ViT-bigG-14",
            revision="743c27bd53dfe508a0ade0f50698f99b39d03bec",
        ),
        2539.57,
    ),
]


@pytest.mark.parametrize(("spec", "millions"), CARDS, ids=[spec.repo for spec, _ in CARDS])
def test_parameters_match_the_published_profile(spec: ModelSpec, millions: float) -> None:
    assert count_parameters(spec) / 1e6 == pytest.approx(millions, abs=0.01)


def test_the_derived_config_is_that_of_the_original_checkpoint() -> None:
    config = clip_config("ViT-L-14-quickgelu").to_dict()

    assert config["projection_dim"] == 768
    assert config["vision_config"]["hidden_act"] == "quick_gelu"
    assert config["vision_config"]["num_attention_heads"] == 16
    assert config["text_config"]["num_attention_heads"] == 12
    assert config["text_config"]["eos_token_id"] == 49407


def test_an_unknown_architecture_is_refused_by_name() -> None:
    with pytest.raises(WeightsUnusable, match="ViT-nothing"):
        clip_config("ViT-nothing")


def test_the_folder_of_a_spec_is_one_path_segment() -> None:
    assert CARDS[0][0].folder == "openai--clip-vit-base-patch32"


@pytest.mark.parametrize(
    ("name", "text", "vision"),
    [
        ("ViT-B-16-SigLIP", {}, {}),
        (
            "ViT-SO400M-14-SigLIP-384",
            {"hidden_size": 1152, "num_hidden_layers": 27, "intermediate_size": 4304},
            {"image_size": 384, "patch_size": 14},
        ),
    ],
)
def test_siglip_has_as_many_parameters_in_transformers(
    name: str, text: dict[str, int], vision: dict[str, int]
) -> None:
    heads = {"num_attention_heads": 16} if text else {}
    config = SiglipConfig(text_config=text | heads, vision_config=text | vision | heads)
    with torch.device("meta"):
        library = SiglipModel(config)
    spec = ModelSpec(
        repo="google/siglip", loader=Loader.TRANSFORMERS, open_clip_model=name, revision=""
    )

    counted = count_parameters(spec)

    assert counted == sum(parameter.numel() for parameter in library.parameters())


def test_siglip_is_not_described_as_clip() -> None:
    with pytest.raises(WeightsUnusable, match="ViT-B-16-SigLIP is no plain CLIP"):
        clip_config("ViT-B-16-SigLIP")
