"""The same image and text give the same numbers by every road: library, worker, HTTP, batches."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.models import ModelCard
from inference.models import Job
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.encoders import plain
from inference.runtime.spec import Loader
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.inference.api.conftest import Api, WorkerLoop, eventually, in_base64, make_caller
from tests.inference.runtime.conftest import (
    TRANSFORMERS_SPEC,
    cache_dir,
    model_dir,
    transformers_encoder,
)
from tests.inference.runtime.images.gallery import as_file, photo

__all__ = ["cache_dir", "model_dir", "transformers_encoder"]

IMAGES = [as_file(photo(name, 300, 200)) for name in ("cat", "coffee", "rocket")]
TEXTS = ["a cat", "a photo of a cup of coffee, seen from above", "rocket"]
TOLERANCE = 1e-5


@pytest.fixture
def worker(api_card: ModelCard, transformers_encoder: Encoder) -> Iterator[WorkerLoop]:
    """One that serves a tiny CLIP, in place of the encoder of hashes."""
    ModelCard.objects.update(embed_dim=transformers_encoder.embed_dim)
    loop = WorkerLoop(api_card)
    cache = TextCache(transformers_encoder)
    loop.server = ServedModel(api_card, cache, images_per_s=1000.0)
    loop.start()
    yield loop
    loop.stop()


def ask(api: Api, secret: str, image: bytes, text: str) -> Embeddings:
    body = {"model": api.card.repo, "input": [{"image": in_base64(image)}, text]}
    answer = api.client(secret).post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    return np.array([row["embedding"] for row in answer.json()["data"]])


def test_the_same_bytes_give_the_same_numbers_by_every_road(
    api: Api, transformers_encoder: Encoder, model_dir: Path
) -> None:
    library = plain.load(Loader.TRANSFORMERS, model_dir / TRANSFORMERS_SPEC.folder)
    of_library = [library.images([Image.open(BytesIO(data))]) for data in IMAGES]
    of_library_texts = library.texts(TEXTS)
    callers = [make_caller(f"{number}@lab.example")[2] for number in range(len(IMAGES))]

    alone = [ask(api, api.secret, *pair) for pair in zip(IMAGES, TEXTS, strict=True)]
    api.worker.pause()
    Job.objects.all().delete()
    with ThreadPoolExecutor(len(IMAGES)) as pool:
        calls = [pool.submit(ask, api, *call) for call in zip(callers, IMAGES, TEXTS, strict=True)]
        eventually(lambda: Job.objects.queued().count() == len(IMAGES))
        api.worker.resume()
        mixed = [call.result() for call in calls]

    assert set(Job.objects.values_list("batch_size", flat=True)) == {len(IMAGES)}
    for number, image in enumerate(of_library):
        text = of_library_texts[number : number + 1]
        for rows in (alone[number], mixed[number]):
            np.testing.assert_allclose(rows[:1], image, atol=TOLERANCE)
            np.testing.assert_allclose(rows[1:], text, atol=TOLERANCE)
    direct = transformers_encoder.encode_images([Image.open(BytesIO(data)) for data in IMAGES])
    np.testing.assert_allclose(direct, np.concatenate(of_library), atol=TOLERANCE)
    direct_texts = transformers_encoder.encode_texts(TEXTS)
    np.testing.assert_allclose(direct_texts, of_library_texts, atol=TOLERANCE)
