"""Every kind of tower that open_clip builds, small and with random weights, through our loader."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

from inference.runtime import loading
from inference.runtime.encoder import Encoder
from inference.runtime.encoders import open_clip_model
from inference.runtime.errors import WeightsUnusable
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, smooth_noise
from tests.inference.runtime.tiny_models import tiny
from tests.inference.runtime.tiny_models.families import OPEN_CLIP_TOWERS

TEXTS = ["a cat", "a photo of a dog that sleeps", "!"]
PICTURES = [smooth_noise(90, 61), smooth_noise(64, 80, seed=1), smooth_noise(70, 70, seed=2)]


@pytest.fixture(params=OPEN_CLIP_TOWERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    return tiny.write_architecture(tmp_path / "model", OPEN_CLIP_TOWERS[kind])


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
    assert (encoder.logit_bias != 0) is encoder.is_sigmoid is is_siglip
    assert encoder.image_size == OPEN_CLIP_TOWERS[kind]["vision_cfg"]["image_size"]
    assert encoder.parameter_bytes > 0


def test_towers_into_different_spaces_are_refused(tmp_path: Path) -> None:
    config = OPEN_CLIP_TOWERS["siglip"] | {"embed_dim": 100}
    tiny.write_architecture(tmp_path / OPEN_CLIP_SPEC.folder, config)

    with pytest.raises(WeightsUnusable, match="their vectors have 192 and 100 numbers"):
        loading.load(OPEN_CLIP_SPEC, model_dir=tmp_path, cache_dir=tmp_path)
