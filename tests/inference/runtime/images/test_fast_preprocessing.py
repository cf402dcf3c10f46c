"""That the fast method gives the scores of the reference processors, picture by picture."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from inference.runtime.encoder import Encoder
from inference.runtime.encoders import conse
from inference.runtime.encoders.clip_tower import unit_rows
from inference.runtime.images.preprocessing import Alpha, CropRounding, Fit, Method, Preprocessing
from inference.runtime.images.resizing import by_pillow, by_torch
from inference.runtime.weights.stand_ins import LITE_2
from tests.inference.runtime.conftest import smooth_noise
from tests.inference.runtime.images.gallery import GALLERY, SIXTEEN_BIT, file, opened

EXACT = Preprocessing(size=224)
FAST = replace(EXACT, method=Method.FAST)
OPEN_CLIP_EXACT = replace(EXACT, crop_rounding=CropRounding.HALF_EVEN, alpha=Alpha.DROP)
OPEN_CLIP_FAST = replace(OPEN_CLIP_EXACT, method=Method.FAST)
LEAST_COSINE = 0.9995
LABELS = 1000
NAMES = list(GALLERY)

# It is the reference that warns: it converts a palette with alpha directly.
pytestmark = pytest.mark.filterwarnings("ignore:Palette images with Transparency")


@cache
def vit() -> Any:
    """ViT-B/32 with random weights: what it makes of two pixels does not depend on training."""
    torch.manual_seed(0)
    return open_clip.create_model("ViT-B-32", load_weights=False, device="cpu").eval()


def embed(pixels: Sequence[np.ndarray]) -> np.ndarray:
    batch = torch.from_numpy(np.stack(pixels))
    with torch.inference_mode():
        return unit_rows(vit().encode_image(batch))


def best_labels(embeddings: np.ndarray) -> np.ndarray:
    """Of labels in all directions around the pictures, as a thousand words would lie."""
    middle = embeddings.mean(axis=0)
    labels = np.random.default_rng(0).normal(0, 0.03, (LABELS, len(middle))) + middle
    best: np.ndarray = np.argmax(embeddings @ labels.T, axis=1)
    return best


def of_transformers(name: str) -> np.ndarray:
    if name == SIXTEEN_BIT:
        return EXACT.to_array(opened(name))
    # The processor leaves turning upright to its caller.
    image = ImageOps.exif_transpose(opened(name))
    return np.asarray(CLIPImageProcessorPil()(image, return_tensors="np")["pixel_values"][0])


def of_open_clip(name: str) -> np.ndarray:
    if name == SIXTEEN_BIT:
        return OPEN_CLIP_EXACT.to_array(opened(name))
    transform = image_transform_v2(PreprocessCfg(size=224), is_train=False)
    return np.asarray(transform(ImageOps.exif_transpose(opened(name))))


def test_the_gallery_is_large_enough_to_prove_something() -> None:
    assert len(NAMES) >= 40
    assert len({file(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize(
    ("fast", "reference"), [(FAST, of_transformers), (OPEN_CLIP_FAST, of_open_clip)]
)
def test_embeddings_are_those_of_the_reference(
    fast: Preprocessing, reference: Callable[[str], np.ndarray]
) -> None:
    theirs = embed([reference(name) for name in NAMES])

    ours = embed([fast.to_array(opened(name)) for name in NAMES])

    cosines = (ours * theirs).sum(axis=1)
    assert {n: c for n, c in zip(NAMES, cosines, strict=True) if c < LEAST_COSINE} == {}
    np.testing.assert_array_equal(best_labels(ours), best_labels(theirs))


def test_embeddings_of_the_stand_in_are_those_of_the_exact_method(
    conse_encoder: Encoder,
) -> None:
    """A trained image tower, which sees what random weights may not."""
    exact = replace(conse.preprocessing_of(LITE_2), method=Method.EXACT)
    fast = replace(conse.preprocessing_of(LITE_2), method=Method.FAST)
    labels = conse_encoder.encode_texts(["a cat", "coffee", "a rocket", "a page of text", "cloth"])

    theirs = conse_encoder.encode_images([exact.crop(opened(name)) for name in NAMES])
    ours = conse_encoder.encode_images([fast.crop(opened(name)) for name in NAMES])

    cosines = (ours * theirs).sum(axis=1)
    assert {n: c for n, c in zip(NAMES, cosines, strict=True) if c < LEAST_COSINE} == {}
    np.testing.assert_array_equal((ours @ labels.T).argmax(1), (theirs @ labels.T).argmax(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("exact", [replace(OPEN_CLIP_EXACT, size=336, fit=Fit.SQUASH)])
def test_no_picture_becomes_another_one(exact: Preprocessing, name: str) -> None:
    fast = replace(exact, method=Method.FAST)

    difference = np.abs(_levels(fast, name) - _levels(exact, name))

    assert difference.mean() < 2.5  # grey levels; the crop next to it differs by 10 and more


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("resampling", [Image.Resampling.BICUBIC, Image.Resampling.BILINEAR])
@pytest.mark.parametrize("size", [(298, 224), (91, 300)])
def test_torch_resizes_like_pillow(
    mode: str, resampling: Image.Resampling, size: tuple[int, int]
) -> None:
    image = smooth_noise(411, 309).convert(mode)
    extent = (410.125, 308.5)

    ours = by_torch(image, size, resampling=resampling, extent=extent)

    theirs = by_pillow(image, size, resampling=resampling, extent=extent)
    assert (ours.mode, ours.size) == (mode, size)
    assert np.abs(np.asarray(ours, int) - np.asarray(theirs, int)).max() <= 1


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    image = opened("twelve megapixels")

    FAST.crop(image)

    assert image.size == (1000, 750)


def test_decoding_leaves_three_times_the_pixels_wanted() -> None:
    image = opened("cat 1000x750")

    FAST.crop(image)

    assert image.size == (1000, 750)


@pytest.mark.parametrize("name", ["on its side", "mirrored", "alpha png", "animation", "tiny"])
@pytest.mark.parametrize("preprocessing", [EXACT, FAST, OPEN_CLIP_EXACT, OPEN_CLIP_FAST])
def test_a_crop_of_a_crop_is_the_same_crop(preprocessing: Preprocessing, name: str) -> None:
    once = preprocessing.crop(opened(name))

    twice = preprocessing.crop(once)

    assert (once.mode, once.size) == ("RGB", (224, 224))
    np.testing.assert_array_equal(once, twice)


def test_the_fingerprint_tells_fast_from_exact() -> None:
    assert FAST.fingerprint != EXACT.fingerprint
    assert EXACT.fingerprint == "f86544f79b83"


def _levels(preprocessing: Preprocessing, name: str) -> np.ndarray:
    return np.asarray(preprocessing.crop(opened(name)), dtype=int)
