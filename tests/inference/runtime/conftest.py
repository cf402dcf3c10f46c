"""Encoders and pictures that the runtime's tests share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.runtime import loading, torchvision_operators
from inference.runtime.cpu import threads
from inference.runtime.encoder import Encoder
from inference.runtime.spec import Loader, ModelSpec

# Before any of the tests' own imports of torch and its kin.
threads.wait_passively()
torchvision_operators.declare()

REVISION = "0123456789abcdef0123456789abcdef01234567"
TRANSFORMERS_SPEC = ModelSpec(
    repo="tiny/transformers",
    loader=Loader.TRANSFORMERS,
    open_clip_model="",
    revision=REVISION,
)
OPEN_CLIP_SPEC = ModelSpec(
    repo="tiny/open-clip", loader=Loader.OPEN_CLIP, open_clip_model="", revision=REVISION
)
SIGLIP_SPEC = ModelSpec(
    repo="tiny/siglip", loader=Loader.TRANSFORMERS, open_clip_model="", revision=REVISION
)
CONSE_SPEC = ModelSpec(
    repo="demo/stand-in", loader=Loader.CONSE, open_clip_model="", revision=REVISION
)


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the same tiny weights in both formats."""
    from tests.inference.runtime.tiny_models import tiny

    folder = tmp_path_factory.mktemp("models")
    model = tiny.write_transformers(folder / TRANSFORMERS_SPEC.folder)
    tiny.write_open_clip(folder / OPEN_CLIP_SPEC.folder, model)
    return folder


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def transformers_encoder(model_dir: Path, cache_dir: Path) -> Encoder:
    return loading.load(TRANSFORMERS_SPEC, model_dir=model_dir, cache_dir=cache_dir)


@pytest.fixture(scope="session")
def open_clip_encoder(model_dir: Path, cache_dir: Path) -> Encoder:
    return loading.load(OPEN_CLIP_SPEC, model_dir=model_dir, cache_dir=cache_dir)


@pytest.fixture(scope="session")
def siglip_encoder(model_dir: Path, cache_dir: Path) -> Encoder:
    from tests.inference.runtime.tiny_models import tiny_siglip

    tiny_siglip.write_siglip_2(model_dir / SIGLIP_SPEC.folder)
    return loading.load(SIGLIP_SPEC, model_dir=model_dir, cache_dir=cache_dir)


@pytest.fixture(scope="session")
def conse_encoder(model_dir: Path, cache_dir: Path) -> Encoder:
    return loading.load(CONSE_SPEC, model_dir=model_dir, cache_dir=cache_dir)


@pytest.fixture(params=["transformers_encoder", "open_clip_encoder"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    encoder: Encoder = request.getfixturevalue(request.param)
    return encoder


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image.Image]:
    return smooth_noise


def smooth_noise(width: int, height: int, *, seed: int = 0) -> Image.Image:
    """Colours that vary at every scale: gradients, blobs and some noise, like a photo."""
    random = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize(
                (width, height), Image.Resampling.BICUBIC
            ),
            dtype=np.float32,
        )
        for cells in (2, 7, 23)
    ]
    noise = random.normal(0, 12, (height, width, 3))
    mixed = 0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2] + noise
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
