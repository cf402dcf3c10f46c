"""The page: bars, and the image in the patches of two towers."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from catalog import patches
from catalog.infrastructure import storage
from inference.kinds.classify import score_text
from inference.kinds.classify.answer import predictions_of
from inference.kinds.classify.request import Payload, own_labels, payload_of
from inference.kinds.classify.template_sets import SETS
from inference.kinds.classify.templates import Templates, templates_of
from inference.kinds.fields.inputs import image_size
from inference.kinds.fields.labels import NONE_OF_THESE, SOMETHING_ELSE
from inference.kinds.fields.on_error import usable_images
from inference.kinds.kind import MAX_SHOWN, Code, Page
from inference.models import Job
from inference.runtime.zero_shot import Activation

RETRY = "another picture"
# What stands in the snippets.
EXAMPLE_LABELS = ["a cat", "a dog"]
EXAMPLE_TEMPLATE = "a photo of {}"
EXAMPLE_TEMPLATES = ["a photo of {}", "a drawing of {}"]
NONE_IN_CODE = "“something else” is what “none of these” stands for."
# Its method refuses a single label.
NEEDS_TWO_LABELS = "huggingface.py"
GRIDS = {"ViT-B/32": 7, "ViT-L/14": 16}  # 224 px in patches of 32 and of 14
# The playground takes 100 labels, the API 1,000.
MAX_BARS, MAX_BARS_OF_SEVERAL = 101, 10
UNFOLDED_BARS = 10
MIN_BAR_PERCENT = 0.4  # an empty bar looks like a mistake


@dataclass(frozen=True)
class Bar:
    """One label's line; `width` is the length of its bar in percent."""

    label: str
    score: str
    similarity: float
    logit: float
    width: float


@dataclass(frozen=True)
class ScoredImage:
    size: str
    bars: Sequence[Bar]
    note: str

    @property
    def first_bars(self) -> Sequence[Bar]:
        return self.bars[:UNFOLDED_BARS]

    @property
    def folded_bars(self) -> Sequence[Bar]:
        return self.bars[UNFOLDED_BARS:]


@dataclass(frozen=True)
class Grid:
    name: str
    side: int
    rows: list[list[str]]


def page_of(job: Job) -> Page:
    payload = payload_of(job)
    request = _request(job, payload)
    if job.result is None:
        return Page(request=request, retry=RETRY)
    crop = job.result["rows"][0]["crop"]
    activation = Activation(job.result["activation"])
    return Page(
        request=request,
        retry=RETRY,
        computed=[*_prompts_computed(payload), ("activation", activation.value)],
        headline=headline_of(job),
        crop=crop,
        result={
            "images": _scored_images(job),
            "image_count": len(usable_images(job)),
            "label_count": len(payload["labels"]),
            "has_one_softmax_label": activation is Activation.SOFTMAX
            and len(payload["labels"]) == 1,
            "meaning": score_text.meaning_of(activation, label_count=len(payload["labels"])),
            "none_note": score_text.note_on_none(activation)
            if job.options.get("none_of_these")
            else "",
            "grids": _grids(job, crop),
        },
    )


def _request(job: Job, payload: Payload) -> list[tuple[str, list[str]]]:
    images = [image_size(image) for image in job.image_inputs]
    of_images = [("images", images)] if len(images) > 1 else []
    none_of_these = [NONE_OF_THESE] if job.options.get("none_of_these") else []
    labels = [*own_labels(job), *none_of_these]
    return [*of_images, ("labels", labels), _prompts(payload)]


def _prompts(payload: Payload) -> tuple[str, list[str]]:
    # A set is known by its name, and its 80 lines would hide the rest.
    templates, name = templates_of(payload), payload["template"]
    if name in SETS:
        return ("prompts", [f"{name}: {len(templates)} published templates"])
    return ("prompt" if len(templates) == 1 else "prompts", list(templates))


def _prompts_computed(payload: Payload) -> list[tuple[str, str]]:
    templates, name = templates_of(payload), payload["template"]
    if len(templates) == 1:
        return [("prompt", templates[0])]
    label_count, count = len(payload["labels"]), len(templates)
    of_set = f" ({name})" if name in SETS else ""
    return [
        ("prompts", f"{count} templates{of_set}, vectors of each label averaged"),
        ("texts", f"{label_count:,} labels by {count} templates: {label_count * count:,}"),
    ]


def headline_of(job: Job) -> str:
    count = len(usable_images(job))
    if count > 1:
        return f"{count} images scored"
    [predictions] = predictions_of(job)
    best = predictions[0]
    activation = Activation((job.result or {})["activation"])
    if job.options.get("none_of_these") and score_text.is_none_of_these(
        activation, best["label"], best["score"]
    ):
        return "none of these labels fits"
    return f"closest label: {best['label']}"


def _scored_images(job: Job) -> list[ScoredImage]:
    # 20,000 scores would be a page of ten megabytes.
    shown = zip(usable_images(job)[:MAX_SHOWN], predictions_of(job), strict=False)
    max_bars = MAX_BARS if len(usable_images(job)) == 1 else MAX_BARS_OF_SEVERAL
    activation = Activation((job.result or {})["activation"])
    return [
        ScoredImage(
            image_size(image),
            _bars(predictions, activation)[:max_bars],
            score_text.note_on(activation, [row["score"] for row in predictions]),
        )
        for image, predictions in shown
    ]


def _bars(predictions: Sequence[Mapping[str, Any]], activation: Activation) -> list[Bar]:
    lowest, highest = predictions[-1]["score"], predictions[0]["score"]

    def width(score: float) -> float:
        if activation is Activation.NONE:  # no ends of its own: from the worst to the best
            return 100 * (score - lowest) / (highest - lowest) if highest > lowest else 100.0
        return 100 * score

    return [
        Bar(
            row["label"],
            score_text.written(row["score"], activation),
            row["similarity"],
            row["logit"],
            max(width(row["score"]), MIN_BAR_PERCENT),
        )
        for row in predictions
    ]


def _grids(job: Job, crop: Sequence[float]) -> list[Grid]:
    # The preview goes a day later, or when the owner says so: then there are no grids.
    if not job.preview_file:
        return []
    try:
        with Image.open(io.BytesIO(storage.read(job.preview_file))) as preview:
            square = _cut(preview, job, crop)
    except (FileNotFoundError, storage.StorageUnavailable):  # the scores are there all the same
        return []
    return [Grid(name, side, patches.mean_colors(square, side)) for name, side in GRIDS.items()]


def _cut(preview: Image.Image, job: Job, crop: Sequence[float]) -> Image.Image:
    # The crop is in pixels of the image as it was sent; the preview is smaller.
    image = usable_images(job)[0]
    x_scale, y_scale = preview.width / image["width"], preview.height / image["height"]
    left, top, right, bottom = crop
    return preview.crop(
        (
            round(left * x_scale),
            round(top * y_scale),
            round(right * x_scale),
            round(bottom * y_scale),
        )
    )


def code_of(job: Job) -> Code:
    payload = payload_of(job)
    template: Templates = payload.get("templates") or payload["template"]
    return code(payload["labels"], template, image_count=job.image_count)


def code(labels: Sequence[str], template: Templates, *, image_count: int = 1) -> Code:
    images = "your picture" if image_count == 1 else "your pictures one by one"
    is_one = isinstance(template, str)
    example = EXAMPLE_TEMPLATE if is_one else EXAMPLE_TEMPLATES
    note = f"Your labels and prompt, and {images} as photo.jpg."
    return Code(
        snippet="classify" if is_one else "classify-templates",
        values=[
            (EXAMPLE_LABELS, list(labels)),
            (example, template if is_one else list(template)),
        ],
        omit=[NEEDS_TWO_LABELS] if len(labels) == 1 else [],
        note=f"{note} {NONE_IN_CODE}" if SOMETHING_ELSE in labels else note,
    )
