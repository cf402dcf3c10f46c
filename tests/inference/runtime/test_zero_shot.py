"""From embeddings to scores."""

import numpy as np
import pytest

from inference.runtime.zero_shot import Activation, classify

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
