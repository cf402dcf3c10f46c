"""The page: how many vectors of what length, and the first numbers of each."""

from dataclasses import dataclass

from inference.kinds.embed.answer import vectors_of
from inference.kinds.fields import on_error
from inference.kinds.fields.inputs import image_size
from inference.kinds.kind import MAX_SHOWN, Code, Page
from inference.models import Input, Job

SHOWN_NUMBERS = 4


@dataclass(frozen=True)
class Vector:
    name: str
    numbers: list[float]


def page_of(job: Job) -> Page:
    names = list(map(_name, job.inputs))
    request = [("inputs" if len(job.inputs) > 1 else "input", names)]
    if job.result is None:
        return Page(request=request)
    count = len(on_error.usable_indices(job))
    return Page(
        request=[],  # the table of vectors names the inputs
        headline=f"{count} vector{'' if count == 1 else 's'} of {job.result['dim']} numbers",
        result={"vectors": _vectors(job), "dim": job.result["dim"], "count": count},
        computed=[("length of a vector", str(job.result["dim"]))],
    )


def _vectors(job: Job) -> list[Vector]:
    return [
        Vector(_name(item), vector[:SHOWN_NUMBERS].tolist())
        for item, vector in zip(_usable(job)[:MAX_SHOWN], vectors_of(job), strict=False)
    ]


def _usable(job: Job) -> list[Input]:
    return [job.inputs[index] for index in on_error.usable_indices(job)]


def _name(item: Input) -> str:
    if "code" in item:
        return "an input that could not be used"
    return item["text"] if "text" in item else f"image, {image_size(item)}"


def code_of(job: Job) -> Code:
    return Code(
        snippet="embed-image" if job.image_inputs else "embed-text",
        note="With your own inputs in place of these.",
    )
