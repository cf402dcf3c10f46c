"""Vectors as the job's page shows them: their size, and the first numbers of each."""

from dataclasses import dataclass

from inference.kinds.embed.answer import vectors_of
from inference.kinds.kind import Code, Page
from inference.models import Input, Job

SHOWN_NUMBERS = 4


@dataclass(frozen=True)
class Row:
    """One input and the beginning of its vector."""

    name: str
    numbers: list[float]


def page_of(job: Job) -> Page:
    asked = [("inputs", [_name(item) for item in job.inputs])]
    if job.result is None:
        return Page(asked=asked)
    count = len(job.inputs)
    rows = [
        Row(_name(item), vector[:SHOWN_NUMBERS].tolist())
        for item, vector in zip(job.inputs, vectors_of(job), strict=True)
    ]
    return Page(
        asked=asked,
        headline=f"{count} vector{'' if count == 1 else 's'} of {job.result['dim']} numbers",
        result={"rows": rows, "dim": job.result["dim"]},
    )


def _name(item: Input) -> str:
    return item["text"] if "text" in item else f"image, {item['width']}×{item['height']} px"


def code(job: Job) -> Code:
    return Code("embed-image" if job.image_inputs else "embed-text")
