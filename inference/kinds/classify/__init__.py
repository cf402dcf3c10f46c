"""classify: score images against labels."""

from inference.kinds.classify import answer, page, request, run
from inference.kinds.kind import Kind

KIND = Kind(
    name=request.NAME,
    endpoint=request.ENDPOINT,
    texts=request.prompts,
    run=run.run,
    answer=answer.answer,
    usage=answer.usage,
    page=page.page_of,
    code=page.code,
)
