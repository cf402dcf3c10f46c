"""Vectors of all inputs in order, images and texts, as the row keeps them."""

import numpy as np

from inference.kinds.embed.request import texts
from inference.kinds.kind import Outcome, Work


def run(work: Work) -> Outcome:
    images = iter(work.image_vectors)
    text_vectors = iter(work.text_vectors(texts(work.job)))
    vectors = np.stack(
        [next(text_vectors if "text" in item else images) for item in work.job.inputs]
    )
    # NaN is no JSON, and no answer: the batch is tried again in parts, down to this job.
    if not np.isfinite(vectors).all():
        raise ArithmeticError(f"{work.encoder.repo} gave a vector that is no number")
    # Little-endian whatever the machine: the API sends these bytes as they are.
    return Outcome({"dim": work.encoder.embed_dim}, vectors.astype("<f4").tobytes())
