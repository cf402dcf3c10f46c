"""Ranks are those of the library's own cosines, by both loaders, alone and among batch mates."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.models import ModelCard
from inference import images, jobs
from inference.images import ImageFile
from inference.jobs import claims
from inference.kinds.classify import request as classify
from inference.kinds.kind import Work
from inference.kinds.rank import request as rank
from inference.kinds.rank.answer import ranked
from inference.kinds.rank.run import run
from inference.models import Job
from inference.runtime.encoder import Encoder
from inference.runtime.encoders import plain
from inference.runtime.spec import Loader
from inference.worker.texts.cache import TextCache
from tests.inference.runtime.conftest import (
    OPEN_CLIP_SPEC,
    TRANSFORMERS_SPEC,
    cache_dir,
    encoder,
    model_dir,
    open_clip_encoder,
    transformers_encoder,
)
from tests.inference.runtime.images.gallery import as_file, photo
from tests.support.batches import settle_all

__all__ = ["cache_dir", "encoder", "model_dir", "open_clip_encoder", "transformers_encoder"]

PHOTOS = [as_file(photo(name, 300, 200)) for name in ("cat", "coffee", "rocket")]
TEXTS = ["a cat", "a cup of coffee, seen from above", "a rocket"]
TOLERANCE = 5e-6
Inputs = list[ImageFile | str]
LIBRARIES = {"transformers": TRANSFORMERS_SPEC, "open_clip": OPEN_CLIP_SPEC}


def photos() -> Inputs:
    return [images.check(data) for data in PHOTOS]


CASES: dict[str, Callable[[], Inputs]] = {
    "a text and pictures": lambda: [TEXTS[0], *photos()],
    "a picture and pictures": lambda: [*photos()[:1], *photos()],
    "a picture and texts": lambda: [*photos()[:1], *TEXTS],
    "a picture and both": lambda: [*photos()[:1], TEXTS[0], photos()[1], TEXTS[1], photos()[2]],
}


@pytest.fixture
def library(encoder: Encoder, model_dir: Path) -> plain.Plain:
    name = "open_clip" if "open_clip" in type(encoder).__module__ else "transformers"
    return plain.load(Loader(name), model_dir / LIBRARIES[name].folder)


def library_cosines(library: plain.Plain, inputs: Inputs) -> list[float]:
    rows = [
        library.texts([item])[0]
        if isinstance(item, str)
        else library.images([Image.open(BytesIO(item.original))])[0]
        for item in inputs
    ]
    units = [row / np.linalg.norm(row) for row in np.asarray(rows, dtype=np.float64)]
    return [float(units[0] @ unit) for unit in units[1:]]


@pytest.mark.django_db
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("has_mates", [False, True])
def test_scores_are_the_librarys_cosines(
    encoder: Encoder,
    library: plain.Plain,
    card: ModelCard,
    requester: jobs.Requester,
    case: str,
    has_mates: bool,
) -> None:
    inputs = CASES[case]()
    job = jobs.submit(rank.job_request(card, inputs[0], inputs[1:]), requester=requester)
    if has_mates:
        mates: list[Any] = [
            rank.job_request(card, "a dog", photos()),
            classify.job_request(card, [images.check(PHOTOS[2])], labels=TEXTS, template="a {}"),
        ]
        for mate in mates:
            jobs.submit(mate, requester=requester)

    settle_all(TextCache(encoder), encoder, claims.claim(card, worker="w", budget=20))

    job = Job.objects.get(pk=job.pk)
    scores = [score for _, score in sorted(ranked(job))]
    expected = library_cosines(library, inputs)
    assert job.batch_size == (3 if has_mates else 1)
    assert scores == pytest.approx(expected, abs=TOLERANCE)
    assert [index for index, _ in ranked(job)] == sorted(
        range(len(scores)), key=lambda index: (-scores[index], index)
    )


def vectors(*rows: list[float]) -> Any:
    return np.asarray(rows, dtype=np.float32)


def job_of(count: int) -> Job:
    return Job(inputs=[{"width": 1, "height": 1, "file": ""}] * count)


def work(rows: Any, encoder: Encoder) -> Work:
    return Work(
        job=job_of(len(rows)),
        encoder=encoder,
        image_vectors=rows,
        text_vectors=lambda texts: np.empty((0, rows.shape[1]), np.float32),
    )


def test_opposites_are_minus_one_and_noise_of_the_batch_is_no_difference(encoder: Encoder) -> None:
    noisy = np.nextafter(np.float32(0.6), np.float32(1)).item()
    rows = vectors([1.0, 0.0], [-1.0, 0.0], [0.6, 0.8], [noisy, 0.8])

    assert run(work(rows, encoder)).result == {"scores": [-1.0, 0.6, 0.6]}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_vector_that_is_no_number_gives_no_score(encoder: Encoder, bad: float) -> None:
    with pytest.raises(ArithmeticError):
        run(work(vectors([1.0, 0.0], [bad, 0.0]), encoder))
