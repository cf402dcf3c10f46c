"""classify: score images against labels."""

from pathlib import Path

from inference.kinds.classify import answer, page, request, run
from inference.kinds.kind import Kind

KIND = Kind(
    name=request.NAME,
    folder=Path(__file__).parent,
    endpoint=request.ENDPOINT,
    texts=request.prompts,
    run=run.run,
    answer=answer.answer_of,
    usage=answer.usage_of,
    warnings=answer.warnings_of,
    page=page.page_of,
    code=page.code_of,
    headline=page.headline_of,
    table=answer.table_of,
    examples={"classify": "score an image against labels"},
    text_indices=request.label_indices,
    name_of_text=request.name_of_label,
)
