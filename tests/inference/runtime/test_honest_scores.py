"""The same picture and words give the same logits, in whatever batch and by whatever road."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from PIL import ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from inference.runtime.encoder import Encoder
from inference.runtime.images.preprocessing import Method
from inference.runtime.zero_shot import Activation, classify
from tests.inference.runtime.conftest import TRANSFORMERS_SPEC
from tests.inference.runtime.images.gallery import GALLERY, SIXTEEN_BIT, opened
from tests.inference.runtime.tiny_models import tiny

# What CLIP's training ends with. The tests' random weights have less: the tolerance is of logits.
LOGIT_SCALE = 100.0
TOLERANCE = 1e-4
LABELS = ["cat", "dog", "cup of coffee", "rocket on its way to the moon", "page of text", "x"]
ENGINES = ["transformers", "open_clip", "siglip", "conse"]
PICTURES = ["cat 1000x750", "coffee 640x480", "text", "gradient", "png", "on its side", "noise"]


@pytest.fixture(
    params=["transformers_encoder", "open_clip_encoder", "siglip_encoder", "conse_encoder"]
)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    encoder: Encoder = request.getfixturevalue(request.param)
    return encoder


def mixes(rows: Sequence[str]) -> Iterator[list[str]]:
    """Batches of many sizes and orders; together they hold each row many times."""
    random = np.random.default_rng(5)
    for size in (2, 3, 5, 8, 16):
        yield [rows[index] for index in random.integers(0, len(rows), size)]
    yield from ([row] for row in rows)


def test_logits_do_not_depend_on_the_pictures_beside(encoder: Encoder) -> None:
    crops = {name: encoder.preprocessing.crop(opened(name)) for name in PICTURES}
    texts = encoder.encode_texts(LABELS)
    alone = {name: _logits(encoder.encode_images([crop]), texts)[0] for name, crop in crops.items()}

    for batch in mixes(PICTURES):
        together = _logits(encoder.encode_images([crops[name] for name in batch]), texts)

        expected = np.stack([alone[name] for name in batch])
        np.testing.assert_allclose(together, expected, atol=TOLERANCE, rtol=0)


def test_logits_do_not_depend_on_the_texts_beside(encoder: Encoder) -> None:
    images = encoder.encode_images([opened(name) for name in PICTURES])
    alone = {label: _logits(images, encoder.encode_texts([label]))[:, 0] for label in LABELS}

    for batch in mixes(LABELS):
        together = _logits(images, encoder.encode_texts(batch))

        expected = np.stack([alone[label] for label in batch], axis=1)
        np.testing.assert_allclose(together, expected, atol=TOLERANCE, rtol=0)


# The pipeline drops transparency before its processor can blend it over white, as ours does.
TRANSLUCENT = {"alpha png", "grey alpha png", "alpha webp", "palette with alpha png"}
COMPARED = [name for name in GALLERY if name not in TRANSLUCENT | {SIXTEEN_BIT}]


@pytest.fixture(scope="module")
def pipeline(model_dir: Path) -> Any:
    """With the processor on Pillow; torchvision's answers are up to 3e-3 away from it."""
    return transformers.pipeline(
        "zero-shot-image-classification",
        model=str(model_dir / TRANSFORMERS_SPEC.folder),
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": tiny.SIZE}, crop_size={"height": tiny.SIZE, "width": tiny.SIZE}
        ),
    )


@pytest.mark.parametrize("name", COMPARED)
def test_answers_are_those_of_the_pipeline_of_transformers(
    pipeline: Any, transformers_encoder: Encoder, name: str
) -> None:
    theirs = _answers(pipeline, name)

    assert _scores(transformers_encoder, name, Method.EXACT) == pytest.approx(theirs, abs=1e-3)
    # So small a square (32 pixels) is decoded at an eighth, which a larger one never is.
    assert _scores(transformers_encoder, name, Method.FAST) == pytest.approx(theirs, abs=1e-2)


def _answers(pipeline: Any, name: str) -> dict[str, float]:
    upright = ImageOps.exif_transpose(opened(name))  # the pipeline looks at pixels as they lie
    rows = pipeline(upright, candidate_labels=LABELS, hypothesis_template="a photo of {}")
    return {row["label"]: row["score"] for row in rows}


def _scores(encoder: Encoder, name: str, method: Method) -> dict[str, float]:
    crop = replace(encoder.preprocessing, method=method).crop(opened(name))
    [row] = classify(
        encoder.encode_images([crop]),
        encoder.encode_texts([f"a photo of {label}" for label in LABELS]),
        logit_scale=encoder.logit_scale,
        activation=Activation.SOFTMAX,
    )
    return {label: cell.score for label, cell in zip(LABELS, row, strict=True)}


def _logits(images: np.ndarray, texts: np.ndarray) -> np.ndarray:
    return LOGIT_SCALE * images.astype(np.float64) @ texts.astype(np.float64).T
