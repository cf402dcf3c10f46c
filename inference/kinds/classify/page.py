"""Scores as the job's page shows them: bars, and the image in the patches of two towers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import default_storage
from PIL import Image

from catalog import patches
from inference.kinds.classify.answer import predictions_of
from inference.kinds.classify.request import payload_of
from inference.kinds.kind import Code, Page
from inference.models import Job

GRIDS = {"ViT-B/32": 7, "ViT-L/14": 16}  # 224 px in patches of 32 and of 14
MIN_BAR_PERCENT = 0.4  # an empty bar looks like a mistake


@dataclass(frozen=True)
class Bar:
    """One label's line: score in percent, similarity as cosine, logit, length of its bar."""

    label: str
    percent: float
    similarity: float
    logit: float
    width: float

    @classmethod
    def of(cls, prediction: Mapping[str, Any]) -> "Bar":
        percent = prediction["score"] * 100
        return cls(
            prediction["label"],
            percent,
            prediction["similarity"],
            prediction["logit"],
            max(percent, MIN_BAR_PERCENT),
        )


@dataclass(frozen=True)
class Scored:
    """One image: its upright size and its bars, best first."""

    width: int
    height: int
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Grid:
    """The crop as a tower with this many patches a side would first see it."""

    name: str
    side: int
    rows: list[list[str]]


def page_of(job: Job) -> Page:
    payload = payload_of(job)
    asked = [("labels", payload["labels"]), ("prompt", [payload["template"]])]
    if job.result is None:
        return Page(asked=asked)
    images = [
        Scored(image["width"], image["height"], [Bar.of(prediction) for prediction in predictions])
        for image, predictions in zip(job.image_inputs, predictions_of(job), strict=True)
    ]
    crop = job.result["rows"][0]["crop"]
    is_softmax = job.result["activation"] == "softmax"
    return Page(
        asked=asked,
        headline=_headline(images),
        crop=crop,
        result={
            "images": images,
            "has_one_label": is_softmax and len(payload["labels"]) == 1,
            "grids": _grids(job, crop),
        },
    )


def _headline(images: Sequence[Scored]) -> str:
    if len(images) == 1:
        return f"closest label: {images[0].bars[0].label}"
    return f"{len(images)} images scored"


def _grids(job: Job, crop: Sequence[float]) -> list[Grid]:
    """The crop through the patch grids of two towers; none once the preview is gone."""
    if not job.preview_file:
        return []
    try:
        with default_storage.open(job.preview_file) as file, Image.open(file) as preview:
            square = _cut(preview, job, crop)
    except FileNotFoundError:
        return []
    return [Grid(name, side, patches.mean_colors(square, side)) for name, side in GRIDS.items()]


def _cut(preview: Image.Image, job: Job, crop: Sequence[float]) -> Image.Image:
    left, top, right, bottom = crop
    image = job.image_inputs[0]
    across, down = preview.width / image["width"], preview.height / image["height"]
    return preview.crop(
        (round(left * across), round(top * down), round(right * across), round(bottom * down))
    )


def code(job: Job) -> Code:
    payload = payload_of(job)
    return Code("classify", payload["labels"], payload["template"])
