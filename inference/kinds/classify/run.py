"""Vectors to scores: predictions best first, and what the model saw of each image."""

import math
from collections.abc import Sequence
from dataclasses import asdict

from inference.kinds.classify.request import payload_of, prompts
from inference.kinds.kind import Json, Outcome, Work
from inference.models import Input, Job
from inference.runtime.encoder import Encoder
from inference.runtime.zero_shot import Activation, LabelScore, averaged, classify


def run(work: Work) -> Outcome:
    encoder = work.encoder
    activation = activation_of(work.job, encoder)
    scores_by_image = classify(
        work.image_vectors,
        averaged(work.text_vectors(prompts(work.job)), rows=len(payload_of(work.job)["labels"])),
        logit_scale=encoder.logit_scale,
        logit_bias=encoder.logit_bias,
        activation=activation,
    )
    rows = [
        {"predictions": _predictions(work, scores), "crop": _crop(encoder, image)}
        for scores, image in zip(scores_by_image, work.usable_inputs, strict=True)
    ]
    return Outcome({"activation": activation.value, "rows": rows})


def activation_of(job: Job, encoder: Encoder) -> Activation:
    # "auto" is what the model was trained for.
    activation = payload_of(job)["activation"]
    if activation != "auto":
        return Activation(activation)
    return Activation.SIGMOID if encoder.is_sigmoid else Activation.SOFTMAX


def _predictions(work: Work, scores: Sequence[LabelScore]) -> list[Json]:
    # NaN is no JSON, and no answer: the batch is tried again in parts, down to this job.
    if not all(math.isfinite(score.logit) for score in scores):
        raise ArithmeticError(f"{work.encoder.repo} gave a score that is no number")
    labels = payload_of(work.job)["labels"]
    predictions = [
        {"label": label} | asdict(score) for label, score in zip(labels, scores, strict=True)
    ]
    # Not by score: sigmoids of large logits are all 1.0, and lose the order.
    return sorted(predictions, key=lambda prediction: prediction["logit"], reverse=True)


def _crop(encoder: Encoder, image: Input) -> list[float]:
    return list(encoder.preprocessing.crop_box(image["width"], image["height"]))
