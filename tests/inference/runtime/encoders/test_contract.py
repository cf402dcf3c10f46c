"""What every encoder must do, the tests' own fake among them: the protocol's sentences."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from inference.runtime.encoder import Encoder
from tests.fakes.encoder import HashEncoder

Picture = Callable[..., Image.Image]
TEXTS = ["a cat", "a photo of a dog!", "", "une tasse de café", "a diagram, " * 60]


@pytest.fixture(params=["fake", "transformers_encoder", "siglip_encoder"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    if request.param == "fake":
        return HashEncoder()
    real: Encoder = request.getfixturevalue(request.param)
    return real


def test_it_describes_itself(encoder: Encoder) -> None:
    assert encoder.repo
    assert encoder.revision
    assert encoder.preprocessing.size == encoder.image_size
    assert encoder.patch_size is None or encoder.image_size % encoder.patch_size == 0
    assert encoder.logit_scale > 0
    assert encoder.parameter_bytes >= 0


def test_vectors_are_float32_of_length_one_in_input_order(
    encoder: Encoder, picture: Picture
) -> None:
    pictures = [picture(50, 40, seed=seed) for seed in range(3)]

    images, texts = encoder.encode_images(pictures), encoder.encode_texts(TEXTS)

    assert images.dtype == texts.dtype == np.float32
    assert images.shape == (3, encoder.embed_dim)
    assert texts.shape == (len(TEXTS), encoder.embed_dim)
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(pictures[::-1]), images[::-1], atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS[::-1]), texts[::-1], atol=1e-5)


def test_no_input_gives_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_images([]).shape == (0, encoder.embed_dim)
    assert encoder.encode_texts([]).shape == (0, encoder.embed_dim)


def test_equal_inputs_give_equal_vectors_and_others_do_not(
    encoder: Encoder, picture: Picture
) -> None:
    one, other = picture(64, 64), picture(64, 64, seed=1)

    images = encoder.encode_images([one, one.copy(), other])
    texts = encoder.encode_texts(["a cat", "a cat", "a dog"])

    for vectors in (images, texts):
        assert vectors[0] @ vectors[1] == pytest.approx(1, abs=1e-5)
        assert vectors[0] @ vectors[2] < 0.999


def test_a_crop_encodes_like_its_picture(encoder: Encoder, picture: Picture) -> None:
    photo = picture(90, 61)

    cropped = encoder.encode_images([encoder.preprocessing.crop(photo)])

    np.testing.assert_array_equal(cropped, encoder.encode_images([photo]))
