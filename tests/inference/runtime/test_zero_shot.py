"""From embeddings to scores."""

from pathlib import Path

import numpy as np
import open_clip
import pytest

from inference.kinds.classify.template_sets import SETS
from inference.runtime.encoder import Encoder
from inference.runtime.zero_shot import Activation, averaged, classify
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC

IMAGES = np.array([[1, 0], [0, 1]], dtype=np.float32)
TEXTS = np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=np.float32)


def test_rows_are_images_and_cells_are_labels_in_order() -> None:
    rows = classify(IMAGES, TEXTS, logit_scale=100, activation=Activation.SOFTMAX)

    assert [[cell.similarity for cell in row] for row in rows] == [
        pytest.approx([1, 0.6, 0]),
        pytest.approx([0, 0.8, 1]),
    ]
    assert rows[0][1].logit == pytest.approx(60)


def test_softmax_scores_of_an_image_add_up_to_one() -> None:
    rows = classify(IMAGES, TEXTS, logit_scale=3, activation=Activation.SOFTMAX)

    powers = np.exp([3, 1.8, 0])
    assert [cell.score for cell in rows[0]] == pytest.approx(powers / powers.sum(), rel=1e-6)
    assert sum(cell.score for cell in rows[1]) == pytest.approx(1, abs=1e-12)


def test_without_an_activation_a_score_is_its_logit() -> None:
    [row] = classify(IMAGES[:1], TEXTS, logit_scale=10, activation=Activation.NONE)

    assert [cell.score for cell in row] == [cell.logit for cell in row]


@pytest.mark.parametrize("activation", [Activation.SOFTMAX, Activation.SIGMOID])
def test_huge_logits_overflow_nothing(activation: Activation) -> None:
    rows = classify(IMAGES, TEXTS, logit_scale=1e6, logit_bias=-5e5, activation=activation)

    scores = [cell.score for row in rows for cell in row]
    assert all(0 <= score <= 1 for score in scores)
    assert rows[0][0].score == 1


def test_sigmoid_scores_each_label_for_itself() -> None:
    rows = classify(IMAGES, TEXTS, logit_scale=10, logit_bias=-5, activation=Activation.SIGMOID)

    assert rows[0][0].score == pytest.approx(1 / (1 + np.exp(-5)))
    assert rows[0][2].score == pytest.approx(1 / (1 + np.exp(5)))


def test_one_label_takes_it_all_under_softmax() -> None:
    [[cell]] = classify(IMAGES[:1], TEXTS[2:], logit_scale=100, activation=Activation.SOFTMAX)

    assert cell.score == 1


@pytest.mark.parametrize("activation", Activation)
def test_no_images_or_no_labels_give_empty_rows(activation: Activation) -> None:
    assert classify(IMAGES[:0], TEXTS, logit_scale=1, activation=activation) == []
    assert classify(IMAGES, TEXTS[:0], logit_scale=1, activation=activation) == [[], []]


def test_averaged_templates_are_those_of_open_clip(
    open_clip_encoder: Encoder, model_dir: Path
) -> None:
    folder = f"local-dir:{model_dir / OPEN_CLIP_SPEC.folder}"
    names = ["cat", "dog", "cup of coffee"]
    for templates in (open_clip.OPENAI_IMAGENET_TEMPLATES, open_clip.SIMPLE_IMAGENET_TEMPLATES):
        expected = open_clip.build_zero_shot_classifier(
            open_clip.create_model(folder), open_clip.get_tokenizer(folder), names, templates
        )
        texts = [template(name) for name in names for template in templates]

        rows = averaged(open_clip_encoder.encode_texts(texts), rows=len(names))

        np.testing.assert_allclose(rows, expected.T.numpy(), atol=1e-6)


def test_the_sets_are_those_of_open_clip() -> None:
    published = {
        "openai-7": open_clip.SIMPLE_IMAGENET_TEMPLATES,
        "openai-80": open_clip.OPENAI_IMAGENET_TEMPLATES,
    }

    assert {name: list(templates) for name, templates in SETS.items()} == {
        name: [template("{}") for template in templates] for name, templates in published.items()
    }
