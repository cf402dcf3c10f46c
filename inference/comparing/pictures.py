"""A small copy of a photo, and the part of it that one column's model saw."""

import io
from collections.abc import Sequence

from django.http import Http404, HttpResponse
from PIL import Image

from catalog.infrastructure import storage
from inference.models import Comparison, Job, State
from inference.playground.results.pictures import picture_response

SIDE = 320
QUALITY = 80


def response(comparison: Comparison, photo_id: int, column: str | None) -> HttpResponse:
    """Raises Http404. `column`: its number, for what its model saw; None: the whole photo."""
    jobs = Job.objects.filter(
        compared_answer__photo__comparison=comparison,
        compared_answer__photo=photo_id,
        state=State.SUCCEEDED,
    ).exclude(preview_file="")
    if column is not None:
        if not column.isascii() or not column.isdigit() or len(column) > 2:
            raise Http404("no such column")
        jobs = jobs.filter(compared_answer__column=int(column))
    job = jobs.order_by("compared_answer__column").first()
    if job is None or job.result is None:
        raise Http404("no copy of this photo")
    crop = job.result["rows"][0]["crop"] if column is not None else None
    picture = picture_response(_small(job, crop), "image/jpeg")
    picture.headers["Cache-Control"] = "private, max-age=3600"
    return picture


def _small(job: Job, crop: Sequence[float] | None) -> bytes:
    try:
        content = storage.read(job.preview_file)
    except (FileNotFoundError, storage.StorageUnavailable):
        raise Http404("no copy of this photo") from None
    # A JPEG that our own worker has written.
    with Image.open(io.BytesIO(content)) as preview:
        image = preview.crop(_scaled(crop, job, preview.size)) if crop else preview
        image.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _scaled(crop: Sequence[float], job: Job, size: tuple[int, int]) -> tuple[int, int, int, int]:
    # The crop is in pixels of the photo as it was sent; the preview is smaller.
    sent = job.image_inputs[0]
    x_scale, y_scale = size[0] / sent["width"], size[1] / sent["height"]
    left, top, right, bottom = crop
    return (
        round(left * x_scale),
        round(top * y_scale),
        round(right * x_scale),
        round(bottom * y_scale),
    )
