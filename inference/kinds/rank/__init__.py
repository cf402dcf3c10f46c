"""rank: order pictures and texts by how close each is to one of either."""

from pathlib import Path

from inference.kinds.kind import Kind
from inference.kinds.rank import answer, page, request, run

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
    examples={"rank": "find the image that fits a text"},
    name_of_text=answer.name_of_input,
    name_of_input=answer.name_of_input,
)
