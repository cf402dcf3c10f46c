"""The page: the documents in their order, pictures as thumbnails, each with its score as a bar."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.kinds.fields.inputs import image_size
from inference.kinds.kind import MAX_SHOWN, Code, Page
from inference.kinds.rank.answer import ranked
from inference.models import Input, Job
from inference.runtime.images import sheet

# What stands in the snippets.
EXAMPLE_QUERY = "a sleeping cat"
MIN_BAR_PERCENT = 0.4  # an empty bar looks like a mistake
FORM = "ranking"


@dataclass(frozen=True)
class Cell:
    """Where a picture's thumbnail is in the sheet, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Line:
    """One document; `width` is the length of its bar in percent, from the worst to the best."""

    name: str
    score: float
    width: float
    cell: Cell | None = None


def page_of(job: Job) -> Page:
    query = ("query", [_name(job, 0)])
    if job.result is None:
        shown = range(1, min(len(job.inputs), MAX_SHOWN + 1))
        documents = [_name(job, index) for index in shown]
        return Page(request=[query, ("documents", documents)], form=FORM, retry="rank again")
    lines = _lines(job)
    return Page(
        request=[query],
        headline=f"closest: {lines[0].name}",
        result={
            "lines": lines[:MAX_SHOWN],
            "count": len(lines),
            "sheet": sheet.size_of(job.image_count) if job.preview_file else None,
        },
        computed=[("score", "cosine of query and document")],
        retry="rank again",
        form=FORM,
        stylesheet="css/pages/ranking.css",
    )


def code_of(job: Job) -> Code:
    note = "With your own documents in place of these."
    if "text" not in job.inputs[0]:
        return Code(snippet="rank", note=note)
    return Code(snippet="rank", values=[(EXAMPLE_QUERY, job.inputs[0]["text"])], note=note)


def _lines(job: Job) -> list[Line]:
    in_order = ranked(job)
    highest, lowest = in_order[0][1], in_order[-1][1]
    span = (highest - lowest) or 1.0
    cells = _cells(job)
    return [
        Line(
            name=_name(job, index + 1),
            score=score,
            width=max(100 * (1 - (highest - score) / span), MIN_BAR_PERCENT),
            cell=cells[index + 1],
        )
        for index, score in in_order
    ]


def _name(job: Job, index: int) -> str:
    """A text itself; of pictures their number among the documents and their size."""
    item: Input = job.inputs[index]
    if "text" in item:
        return item["text"]
    return f"image {index}, {image_size(item)}" if index else f"image, {image_size(item)}"


def _cells(job: Job) -> Sequence[Cell | None]:
    """Of each input; None for texts, and where the page has no sheet."""
    if not job.preview_file or job.image_count < 2:
        return [None] * len(job.inputs)
    indices = iter(range(job.image_count))
    return [None if "text" in item else _cell(next(indices), item) for item in job.inputs]


def _cell(index: int, image: Input) -> Cell:
    left, top = sheet.cell_of(index)
    width, height = sheet.fitted(image["width"], image["height"])
    return Cell(left, top, width, height)
