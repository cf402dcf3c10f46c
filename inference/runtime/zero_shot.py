"""Turns embeddings into scores per label."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inference.runtime.encoder import Embeddings

Scores = NDArray[np.float64]


class Activation(StrEnum):
    SOFTMAX = "softmax"  # one label is right: an image's scores add up to 1 (CLIP)
    SIGMOID = "sigmoid"  # each label for itself (SigLIP)
    NONE = "none"  # the logits themselves

    def __call__(self, logits: Scores) -> Scores:
        match self:
            case Activation.SOFTMAX:
                return _softmax(logits)
            case Activation.SIGMOID:
                return _sigmoid(logits)
            case Activation.NONE:
                return logits


@dataclass(frozen=True)
class LabelScore:
    """How well one label fits one image: cosine in [-1, 1], logit, score in [0, 1] (the logit
    itself without an activation)."""

    similarity: float
    logit: float
    score: float


def averaged(text_embeddings: Embeddings, *, rows: int) -> Embeddings:
    """float32 [rows, d]: of each label the mean of its templates' vectors, L2-normalised again.

    Takes L2-normalised [rows * templates, d], label by label. This is the prompt ensembling of the
    CLIP paper (Radford et al., 2021, section 3.1.4), and open_clip's build_zero_shot_classifier.
    """
    if len(text_embeddings) == rows:
        return text_embeddings
    means = text_embeddings.reshape(rows, -1, text_embeddings.shape[1]).mean(axis=1)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)


def classify(
    image_embeddings: Embeddings,
    text_embeddings: Embeddings,
    *,
    logit_scale: float,
    logit_bias: float = 0.0,
    activation: Activation,
) -> list[list[LabelScore]]:
    """A row per image, in it a LabelScore per label in label order.

    Takes L2-normalised [n, d] and [m, d]. Sums in float64, so that a row's softmax adds up to 1.
    """
    similarities = image_embeddings.astype(np.float64) @ text_embeddings.astype(np.float64).T
    logits = logit_scale * similarities + logit_bias
    scores = activation(logits)
    rows = zip(similarities.tolist(), logits.tolist(), scores.tolist(), strict=True)
    return [[LabelScore(*cell) for cell in zip(*row, strict=True)] for row in rows]


def _softmax(logits: Scores) -> Scores:
    if logits.shape[1] == 0:
        return logits  # no labels: the maximum of nothing is an error
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _sigmoid(logits: Scores) -> Scores:
    # exp only ever sees a negative number, so it cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
