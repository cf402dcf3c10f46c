"""The two loaders of real CLIP checkpoints, on the same tiny weights in both formats."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from transformers import CLIPTokenizer

from inference.runtime import loading
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.encoders import open_clip_model, transformers_model
from inference.runtime.encoders.clip_tower import ClipEncoder, pixel_batch, unit_rows
from inference.runtime.errors import WeightsMissing, WeightsUnusable
from inference.runtime.images.preprocessing import Alpha, CropRounding
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import layout
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, TRANSFORMERS_SPEC
from tests.inference.runtime.tiny_models import tiny

Picture = Callable[..., Image.Image]
TEXTS = [
    "a cat",
    "a photo of a dog!",
    "!!! 0 !",
    "",
    "une tasse de café",
    "a diagram, " * 60,
]


def test_the_encoder_describes_itself(encoder: Encoder) -> None:
    assert re.fullmatch(r"local:[0-9a-f]{64}", encoder.revision)  # a folder that nobody fetched
    assert (encoder.image_size, encoder.patch_size) == (tiny.SIZE, tiny.PATCH)
    assert encoder.embed_dim == tiny.EMBED_DIM
    assert encoder.logit_scale == pytest.approx(np.exp(2.6592), rel=1e-4)
    assert encoder.logit_bias == 0.0
    assert encoder.preprocessing.size == tiny.SIZE


def test_embeddings_are_float32_of_length_one_in_input_order(
    encoder: Encoder, picture: Picture
) -> None:
    pictures = [picture(50, 40, seed=seed) for seed in range(3)]

    images = encoder.encode_images(pictures)
    texts = encoder.encode_texts(TEXTS)

    assert images.dtype == texts.dtype == np.float32
    assert images.shape == (3, tiny.EMBED_DIM)
    assert texts.shape == (len(TEXTS), tiny.EMBED_DIM)
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(pictures[::-1]), images[::-1], atol=1e-5)


def test_nothing_in_gives_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_images([]).shape == (0, tiny.EMBED_DIM)
    assert encoder.encode_texts([]).shape == (0, tiny.EMBED_DIM)


def test_both_formats_of_the_same_weights_agree(
    transformers_encoder: Encoder, open_clip_encoder: Encoder, picture: Picture
) -> None:
    pictures = [picture(64, 64), picture(48, 64, seed=1), picture(200, 100, seed=2)]

    one, other = transformers_encoder, open_clip_encoder
    images = (one.encode_images(pictures) * other.encode_images(pictures)).sum(axis=1)
    texts = (one.encode_texts(TEXTS) * other.encode_texts(TEXTS)).sum(axis=1)

    assert images.min() > 0.9999
    assert texts.min() > 0.9999


def test_different_inputs_are_told_apart(encoder: Encoder, picture: Picture) -> None:
    images = encoder.encode_images([picture(64, 64), picture(64, 64, seed=1)])
    texts = encoder.encode_texts(["a cat", "a dog"])

    assert images[0] @ images[1] < 0.999
    assert texts[0] @ texts[1] < 0.999


def test_a_row_does_not_depend_on_its_batch(encoder: Encoder, picture: Picture) -> None:
    pictures = [picture(60, 45, seed=seed) for seed in range(5)]

    images = np.concatenate([encoder.encode_images([one]) for one in pictures])
    texts = np.concatenate([encoder.encode_texts([one]) for one in TEXTS])

    np.testing.assert_allclose(encoder.encode_images(pictures), images, atol=1e-4)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-4)


def test_a_crop_encodes_like_its_picture(encoder: Encoder, picture: Picture) -> None:
    photo = picture(90, 61)

    cropped = encoder.encode_images([encoder.preprocessing.crop(photo)])

    np.testing.assert_array_equal(cropped, encoder.encode_images([photo]))


def test_pixels_normalised_by_torch_equal_those_of_numpy(
    encoder: Encoder, picture: Picture
) -> None:
    photo = picture(90, 61)

    pixels = pixel_batch([photo], encoder.preprocessing, device="cpu").numpy()[0]

    np.testing.assert_allclose(pixels, encoder.preprocessing.to_array(photo), atol=1e-6)


def test_transformers_texts_padded_to_the_longest_equal_those_padded_to_77(
    transformers_encoder: Encoder, model_dir: Path
) -> None:
    assert isinstance(transformers_encoder, ClipEncoder)

    full = _padded_to_77(transformers_encoder, model_dir, ["a cat", "a photo of a dog!"])

    short = transformers_encoder.encode_texts(["a cat", "a photo of a dog!"])
    assert (full * short).sum(axis=1).min() > 0.99999


def test_open_clip_texts_cut_to_the_longest_equal_those_padded_to_77(
    open_clip_encoder: Encoder, model_dir: Path
) -> None:
    assert isinstance(open_clip_encoder, ClipEncoder)
    texts = TEXTS[:5]
    tokenizer = open_clip.get_tokenizer(f"local-dir:{model_dir / OPEN_CLIP_SPEC.folder}")

    with torch.inference_mode():
        full = open_clip_encoder._model.encode_text(tokenizer(texts), normalize=True).numpy()

    np.testing.assert_allclose(open_clip_encoder.encode_texts(texts), full, atol=1e-5)


def test_a_config_with_the_old_end_of_text_id_gives_the_same_texts(
    transformers_encoder: Encoder, tmp_path: Path
) -> None:
    tiny.write_transformers(tmp_path / "old", eos_token_id=2)

    old = transformers_model.load(TRANSFORMERS_SPEC, tmp_path / "old")

    expected = transformers_encoder.encode_texts(TEXTS)
    np.testing.assert_allclose(old.encode_texts(TEXTS), expected, atol=1e-5)


def test_open_clip_weights_under_the_older_name_load(
    model_dir: Path, open_clip_encoder: Encoder, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(model_dir / OPEN_CLIP_SPEC.folder, tmp_path / "older"))
    (folder / "open_clip_model.safetensors").rename(folder / layout.WEIGHTS[Loader.OPEN_CLIP][1])

    older = open_clip_model.load(OPEN_CLIP_SPEC, folder)

    expected = open_clip_encoder.encode_texts(["a cat"])
    np.testing.assert_allclose(older.encode_texts(["a cat"]), expected, atol=1e-6)


def test_each_loader_follows_its_own_reference(
    transformers_encoder: Encoder, open_clip_encoder: Encoder
) -> None:
    assert transformers_encoder.preprocessing.crop_rounding is CropRounding.FLOOR
    assert transformers_encoder.preprocessing.alpha is Alpha.WHITE
    assert open_clip_encoder.preprocessing.crop_rounding is CropRounding.HALF_EVEN
    assert open_clip_encoder.preprocessing.alpha is Alpha.DROP


def test_a_pickle_is_never_opened(model_dir: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_dir / OPEN_CLIP_SPEC.folder, tmp_path / "pickled"))
    (folder / "open_clip_model.safetensors").unlink()
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")

    with pytest.raises(WeightsUnusable, match="safetensors"):
        open_clip_model.load(OPEN_CLIP_SPEC, folder)


@pytest.mark.parametrize("spec", [TRANSFORMERS_SPEC, OPEN_CLIP_SPEC])
def test_broken_weights_are_named(model_dir: Path, tmp_path: Path, spec: ModelSpec) -> None:
    folder = Path(shutil.copytree(model_dir / spec.folder, tmp_path / spec.folder))
    next(folder.glob("*.safetensors")).write_bytes(b"not a tensor")

    with pytest.raises(WeightsUnusable, match=spec.folder):
        loading.load(spec, model_dir=tmp_path, cache_dir=tmp_path)


def test_missing_weights_say_how_to_fetch_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"manage\.py fetch_model tiny/transformers"):
        loading.load(TRANSFORMERS_SPEC, model_dir=tmp_path, cache_dir=tmp_path)


def _padded_to_77(encoder: ClipEncoder, model_dir: Path, texts: list[str]) -> Embeddings:
    tokenizer = CLIPTokenizer.from_pretrained(model_dir / TRANSFORMERS_SPEC.folder)
    tokens = tokenizer(texts, padding="max_length", max_length=77, return_tensors="pt")
    with torch.inference_mode():
        features = encoder._model.get_text_features(**tokens).pooler_output
    return unit_rows(features)
