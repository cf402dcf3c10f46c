"""Running one batch: claim, decode, one forward pass a tower, score, settle.

A picture that cannot be decoded fails alone. If a forward pass fails, each job of the batch is
run by itself, so that one bad input cannot take its mates with it.
"""

import logging
import math
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import Error as DatabaseError
from django.db import connection
from PIL import Image

from catalog.models import ModelCard
from inference import jobs, leases, pictures
from inference.models import ErrorCode, Job
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.zero_shot import Activation, LabelScore, classify

log = logging.getLogger(__name__)

PROMPTS_A_PASS = 128

# Pillow decodes and resizes without the GIL. Threads only touch storage, never the database.
_decoders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="decode")


def run_next(card: ModelCard, encoder: Encoder, *, worker: str) -> int:
    """Claim the model's next batch and run it; returns the number of jobs claimed."""
    token = uuid.uuid4()
    with leases.holding(token):
        batch = jobs.claim(card, worker=worker, limit=settings.BATCH_IMAGES, token=token)
        if not batch:
            return 0
        keys = " ".join(str(job.pk) for job in batch)
        log.info("batch claimed model=%s size=%d ids=%s", card.repo, len(batch), keys)
        try:
            run(encoder, batch)
        finally:
            _leave_nothing(token)
    return len(batch)


def _leave_nothing(token: uuid.UUID) -> None:
    """Give back what was not settled; if the database is away, the end of the lease does it."""
    for _ in range(2):
        try:
            if left := jobs.give_back(token):
                log.warning("batch not settled, given back jobs=%d", left)
            return
        except DatabaseError as error:
            log.warning("batch not settled: %s", error)
            connection.close()  # it may be the connection that broke the batch: try a new one


def run(encoder: Encoder, batch: Sequence[Job]) -> None:
    """Score claimed jobs and settle each of them, whatever becomes of the others."""
    found = list(_decoders.map(lambda job: _crop(encoder, job), batch))
    ready = []
    for job, crop in zip(batch, found, strict=True):
        if isinstance(crop, ErrorCode):
            jobs.fail(job, crop)
        else:
            ready.append((job, crop))
    if ready:
        _score(encoder, ready)


def _crop(encoder: Encoder, job: Job) -> Image.Image | ErrorCode:
    """The square that the model sees, or why there is none."""
    try:
        with (
            default_storage.open(job.picture_name) as file,
            Image.open(file, formats=pictures.FORMATS) as image,
        ):
            return encoder.preprocessing.crop(image)
    except FileNotFoundError:
        return ErrorCode.INTERNAL  # most likely cancelled a moment ago; then this changes nothing
    except Exception:  # noqa: BLE001  decoders meet hostile bytes; any failure is the picture's
        return ErrorCode.INVALID_IMAGE


def _score(encoder: Encoder, ready: Sequence[tuple[Job, Image.Image]]) -> None:
    try:
        results = _results(encoder, ready)
    except Exception:
        # The edge of the worker: whatever a model raises may end one job, never its mates.
        log.exception("forward pass failed ids=%s", " ".join(str(job.pk) for job, _ in ready))
        _score_alone(encoder, ready)
        return
    for (job, _), result in zip(ready, results, strict=True):
        _settle(job, result)


def _settle(job: Job, result: jobs.Result) -> None:
    """A result that cannot be written stops no other; its job is given back."""
    try:
        jobs.succeed(job, result)
    except DatabaseError:
        log.exception("result not written id=%s", job.pk)


def _score_alone(encoder: Encoder, ready: Sequence[tuple[Job, Image.Image]]) -> None:
    if len(ready) == 1:
        jobs.fail(ready[0][0], ErrorCode.INTERNAL)
        return
    for one in ready:
        _score(encoder, [one])


def _results(encoder: Encoder, ready: Sequence[tuple[Job, Image.Image]]) -> list[jobs.Result]:
    """One forward pass over all pictures, one over all prompts that differ."""
    started = time.monotonic()
    images = encoder.encode_images([crop for _, crop in ready])
    prompts = [_prompts(job) for job, _ in ready]
    distinct = list(dict.fromkeys(prompt for row in prompts for prompt in row))
    row_of = {prompt: row for row, prompt in enumerate(distinct)}
    texts = _encode_texts(encoder, distinct)
    forward_ms = round((time.monotonic() - started) * 1000)
    activation = Activation.SIGMOID if encoder.logit_bias else Activation.SOFTMAX
    results = []
    for index, (job, _) in enumerate(ready):
        [scores] = classify(
            images[index : index + 1],
            texts[[row_of[prompt] for prompt in prompts[index]]],
            logit_scale=encoder.logit_scale,
            logit_bias=encoder.logit_bias,
            activation=activation,
        )
        results.append(_result(encoder, job, scores, activation) | {"forward_ms": forward_ms})
    return results


def _encode_texts(encoder: Encoder, prompts: Sequence[str]) -> Embeddings:
    """In chunks: a batch may bring 1,600 prompts, too many for one pass through a large tower."""
    chunks = [prompts[at : at + PROMPTS_A_PASS] for at in range(0, len(prompts), PROMPTS_A_PASS)]
    return np.concatenate([encoder.encode_texts(chunk) for chunk in chunks])


def _prompts(job: Job) -> list[str]:
    return [job.template.replace("{}", label) for label in job.labels]


def _result(
    encoder: Encoder, job: Job, scores: Sequence[LabelScore], activation: Activation
) -> jobs.Result:
    """What the job's row keeps: predictions best first, and all that is needed to repeat them."""
    predictions = [
        {"label": label} | asdict(score) for label, score in zip(job.labels, scores, strict=True)
    ]
    if not all(math.isfinite(score.logit) for score in scores):
        raise ArithmeticError(f"{encoder.repo} gave a score that is no number")
    predictions.sort(key=lambda prediction: prediction["logit"], reverse=True)
    return {
        "predictions": predictions,
        "activation": activation.value,
        "model": encoder.repo,
        "revision": encoder.revision,
        "preprocessing": encoder.preprocessing.fingerprint,
        "image_size": encoder.image_size,
        "crop": list(encoder.preprocessing.crop_box(job.width, job.height)),
    }
