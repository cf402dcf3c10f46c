"""Whether an exported encoder gives the published model's answers: what is asked before it serves.

In float32 it is held to the library's own vectors, much closer than rounding needs; in int8 to the
float32 encoder, on many pictures.
"""

from pathlib import Path

import numpy as np

from inference.runtime import zero_shot
from inference.runtime.encoder import Agreement, Embeddings, Encoder
from inference.runtime.self_check import check, varied
from inference.runtime.self_check.check import Expected
from inference.runtime.zero_shot import Activation

LEAST_COSINE = 0.99999
MOST_SCORE = 1e-4
LEAST_COSINE_INT8 = 0.99
PICTURES = 200
_BATCH = 8
# Of many kinds, so that a picture has some that almost fit.
LABELS = (
    *("a cat", "a dog", "a person", "a car", "a tree", "a house", "a rocket", "a cup of coffee"),
    *("food on a plate", "a bridge", "the sea", "a mountain", "a flower", "a street at night"),
    *("text on paper", "a screenshot", "an abstract pattern", "a blurred photo", "fur", "glass"),
    *("wood", "the sky", "a bird", "a face", "a machine", "a room", "a map", "a drawing"),
)


def fault(encoder: Encoder, expected: Expected) -> str:
    """What differs by more than float32 may; "" if nothing does."""
    pictures = check.images(encoder.image_size)
    images = encoder.encode_images(pictures)
    alone = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    texts = encoder.encode_texts(check.TEXTS)
    texts_alone = np.concatenate([encoder.encode_texts([text]) for text in check.TEXTS])
    for name, rows, wanted in (
        ("images", images, expected.images),
        ("images alone", alone, expected.images),
        ("texts", texts, expected.texts),
        ("texts alone", texts_alone, expected.texts),
    ):
        # "not >=", so that what is no number is a fault, too.
        if (
            rows.shape != wanted.shape
            or not (least := _cosines(rows, wanted).min()) >= LEAST_COSINE
        ):
            shown = f"cosine {least:.6f}" if rows.shape == wanted.shape else "another shape"
            return f"{name} differ from {expected.library} ({shown})"
    apart = np.abs(
        _scores(encoder, images, texts) - _scores(encoder, expected.images, expected.texts)
    ).max()
    if not apart <= MOST_SCORE:
        return f"scores differ from {expected.library} by {apart:.1e}"
    return ""


def agreement(int8: Encoder, exact: Encoder, *, photos: Path | None) -> Agreement:
    """Of int8 with float32, on PICTURES images and LABELS."""
    pictures = list(varied.pictures(photos, count=PICTURES, side=exact.image_size))
    batches = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    pairs = [(int8.encode_images(batch), exact.encode_images(batch)) for batch in batches]
    ours, theirs = (np.concatenate(rows) for rows in zip(*pairs, strict=True))
    cosines = _cosines(ours, theirs)
    texts = int8.encode_texts(LABELS), exact.encode_texts(LABELS)
    same = (ours @ texts[0].T).argmax(axis=1) == (theirs @ texts[1].T).argmax(axis=1)
    return Agreement(
        images=len(cosines),
        cosine_min=float(min(cosines.min(), _cosines(*texts).min())),
        cosine_median=float(np.median(cosines)),
        top1=float(same.mean()),
    )


def fault_of(found: Agreement) -> str:
    if not found.cosine_min >= LEAST_COSINE_INT8:
        return (
            f"int8 is too far from float32: cosine {found.cosine_min:.4f} at the least on"
            f" {found.images} images, not {LEAST_COSINE_INT8}"
        )
    return ""


def _scores(encoder: Encoder, images: Embeddings, texts: Embeddings) -> Embeddings:
    activation = Activation.SIGMOID if encoder.is_sigmoid else Activation.SOFTMAX
    rows = zero_shot.classify(
        images,
        texts,
        logit_scale=encoder.logit_scale,
        logit_bias=encoder.logit_bias,
        activation=activation,
    )
    return np.array([[cell.score for cell in row] for row in rows], dtype=np.float32)


def _cosines(rows: Embeddings, wanted: Embeddings) -> Embeddings:
    """float32 [n], of unit vectors."""
    return np.asarray((rows * wanted).sum(axis=1))
