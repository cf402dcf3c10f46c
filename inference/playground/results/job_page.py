"""A job as its page shows it, in any state and of any kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from inference import kinds
from inference.jobs import eta
from inference.jobs.eta import Eta
from inference.kinds.fields import truncation
from inference.kinds.kind import Page
from inference.models import ErrorCode, Job, State
from inference.playground.results.timeline import Step, steps_of

MAX_NAMED = 10
# The labels of these codes speak of a picture.
WITHOUT_IMAGES = {
    ErrorCode.WORKER_CRASHED: "The worker broke three times on this job, so we stopped trying.",
    ErrorCode.INTERNAL: "Something went wrong on our side. Please try again.",
}


@dataclass(frozen=True)
class Crop:
    """What the model saw of the first image. `box`: left, top, right, bottom in pixels of the
    upright image; the others in percent of it.
    """

    box: tuple[float, float, float, float]
    left: float
    top: float
    width: float
    height: float

    @property
    def is_whole(self) -> bool:
        # Half a percent is less than a pixel of what is drawn.
        return self.width > 99.5 and self.height > 99.5


@dataclass(frozen=True)
class JobView:
    page: Page
    result_template: str
    ahead: int = 0
    eta: Eta | None = None
    error: str = ""
    truncated: str = ""
    crop: Crop | None = None
    steps: Sequence[Step] = ()


def view_of(job: Job) -> JobView:
    kind = kinds.of(job)
    page = kind.page(job)
    position = eta.position_of(job)
    return JobView(
        page=page,
        result_template=kind.result_template,
        ahead=position.ahead,
        eta=position.eta,
        truncated=_truncated(job),
        error=_error(job) if job.state == State.FAILED else "",
        crop=_crop(job, page),
        steps=steps_of(job),
    )


def kept_until(job: Job) -> datetime | None:
    """When the job, its picture and every link to it are deleted; None while it is open."""
    if job.finished_at is None:
        return None
    return job.finished_at + timedelta(hours=settings.PLAYGROUND_KEEP_HOURS)


def _truncated(job: Job) -> str:
    """Which texts were cut: `labels 1, 3`, counted from 1 as a page counts."""
    indices = truncation.truncated(job)
    names = [kinds.of(job).name_of_text(index) for index in indices[:MAX_NAMED]]
    numbers_by_field: dict[str, list[str]] = {}
    for field, _, rest in (name.partition("[") for name in names):
        numbers = numbers_by_field.setdefault(field.removesuffix("s"), [])
        numbers += [str(int(rest.removesuffix("]")) + 1)] if rest else []
    parts = [_counted(field, numbers) for field, numbers in numbers_by_field.items()]
    more = [f"{len(indices) - MAX_NAMED:,} more"] if len(indices) > MAX_NAMED else []
    return " and ".join(parts + more)


def _counted(noun: str, numbers: Sequence[str]) -> str:
    return " ".join([noun + ("s" if len(numbers) > 1 else ""), ", ".join(numbers)]).strip()


def _error(job: Job) -> str:
    code = ErrorCode(job.error_code)
    return code.label if job.image_count else WITHOUT_IMAGES.get(code, code.label)


def _crop(job: Job, page: Page) -> Crop | None:
    if not page.crop:
        return None
    left, top, right, bottom = page.crop
    image = job.image_inputs[0]
    x_percent, y_percent = 100 / image["width"], 100 / image["height"]
    return Crop(
        box=(left, top, right, bottom),
        left=left * x_percent,
        top=top * y_percent,
        width=(right - left) * x_percent,
        height=(bottom - top) * y_percent,
    )
