"""embed: images and texts as vectors in one space."""

from pathlib import Path

from inference.kinds.embed import answer, page, request, run
from inference.kinds.kind import Kind

KIND = Kind(
    name=request.NAME,
    folder=Path(__file__).parent,
    endpoint=request.ENDPOINT,
    run=run.run,
    answer=answer.answer_of,
    usage=answer.usage_of,
    warnings=answer.warnings_of,
    page=page.page_of,
    code=page.code_of,
    examples={"embed-image": "embed an image and a text"},
)
