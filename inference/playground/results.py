"""A job as its page shows it: where it stands in the queue, or the scores with their pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.files.storage import default_storage
from PIL import Image

from catalog import patches
from inference.jobs import eta
from inference.jobs.eta import Eta
from inference.models import ErrorCode, Job, State

GRIDS = {"ViT-B/32": 7, "ViT-L/14": 16}  # 224 px in patches of 32 and of 14


@dataclass(frozen=True)
class Bar:
    """One label's line: score in percent, similarity as cosine, logit, length of its bar."""

    label: str
    percent: float
    similarity: float
    logit: float
    width: float


@dataclass(frozen=True)
class Crop:
    """What the model saw, in percent of the upright picture."""

    left: float
    top: float
    width: float
    height: float

    @property
    def is_whole(self) -> bool:
        return self.width > 99.5 and self.height > 99.5


@dataclass(frozen=True)
class Grid:
    """The crop as a tower with this many patches a side would first see it."""

    name: str
    side: int
    rows: list[list[str]]


@dataclass(frozen=True)
class JobView:
    """Everything that job.html shows besides the job itself."""

    ahead: int = 0
    eta: Eta | None = None
    error: str = ""
    bars: tuple[Bar, ...] = ()
    box: Sequence[float] = ()
    crop: Crop | None = None
    grids: tuple[Grid, ...] = ()
    queued_ms: int | None = None
    running_ms: int | None = None

    @property
    def has_one_label(self) -> bool:
        """With softmax one label always scores 100 %: the page says so."""
        return len(self.bars) == 1


def of(job: Job) -> JobView:
    """What to show of a job, in any state."""
    match job.state:
        case State.QUEUED | State.RUNNING:
            standing = eta.standing_of(job)
            return JobView(ahead=standing.ahead, eta=standing.eta)
        case State.FAILED:
            return JobView(error=ErrorCode(job.error_code).label)
        case State.SUCCEEDED:
            return _scored(job)
    return JobView()


def _scored(job: Job) -> JobView:
    [row] = (job.result or {})["rows"]
    crop = _crop(job, row["crop"])
    return JobView(
        bars=tuple(_bar(prediction) for prediction in row["predictions"]),
        box=row["crop"],
        crop=crop,
        grids=_grids(job, crop),
        queued_ms=_ms(job.created_at, job.started_at),
        running_ms=_ms(job.started_at, job.finished_at),
    )


# A prediction is a row of Job.result, plain JSON.
def _bar(prediction: dict[str, Any]) -> Bar:
    percent = prediction["score"] * 100
    return Bar(
        label=prediction["label"],
        percent=percent,
        similarity=prediction["similarity"],
        logit=prediction["logit"],
        width=max(percent, 0.4),  # a bar that is nothing looks like a mistake
    )


def _crop(job: Job, box: Sequence[float]) -> Crop:
    left, top, right, bottom = box
    across, down = 100 / job.width, 100 / job.height
    return Crop(left * across, top * down, (right - left) * across, (bottom - top) * down)


def _grids(job: Job, crop: Crop) -> tuple[Grid, ...]:
    """The same crop through the patch grids of two towers; none once the preview is gone."""
    try:
        with default_storage.open(job.preview_name) as file, Image.open(file) as preview:
            square = _cut(preview, crop)
    except FileNotFoundError:
        return ()
    return tuple(
        Grid(name, side, patches.mean_colours(square, side)) for name, side in GRIDS.items()
    )


def _cut(preview: Image.Image, crop: Crop) -> Image.Image:
    across, down = preview.width / 100, preview.height / 100
    left, top = crop.left * across, crop.top * down
    return preview.crop(
        (
            round(left),
            round(top),
            round(left + crop.width * across),
            round(top + crop.height * down),
        )
    )


def _ms(start: datetime | None, end: datetime | None) -> int | None:
    return round((end - start).total_seconds() * 1000) if start and end else None
