"""Looking at a whole input file before anything of it is run."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from inference.api.batches import lines
from inference.api.errors import Invalid
from inference.models import FileProblem

# Enough to see what is wrong with all of them.
MAX_PROBLEMS = 50


@dataclass
class Validation:
    """`chunk_count` chunks have `line_count` lines; they can be run if there are no `problems`."""

    line_count: int = 0
    chunk_count: int = 0
    problems: list[FileProblem] = field(default_factory=list)


def validate(chunks: Iterable[bytes], endpoint: str) -> Validation:
    """Each line is read, but not its body: an error there ends that line alone."""
    found = Validation()
    custom_ids: set[str] = set()
    before = 0
    for chunk in chunks:
        found.chunk_count += 1
        for index, text in lines.texts_of(chunk):
            found.line_count += 1
            if len(found.problems) < MAX_PROBLEMS:
                _check(text, endpoint, before + index + 1, custom_ids, found.problems)
        before += chunk.count(b"\n")
    return found


def _check(
    text: bytes, endpoint: str, number: int, custom_ids: set[str], problems: list[FileProblem]
) -> None:
    try:
        line = lines.read(text, endpoint)
    except Invalid as error:
        problems.append(
            FileProblem(code=error.code, message=str(error), param=error.param, line=number)
        )
        return
    if line.custom_id in custom_ids:
        problems.append(
            FileProblem(
                code="duplicate_custom_id",
                message=f"`custom_id` {line.custom_id[:100]!r} is used by another line.",
                param="custom_id",
                line=number,
            )
        )
    custom_ids.add(line.custom_id)
