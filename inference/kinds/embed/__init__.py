"""embed: images and texts as vectors in one space."""

from inference.kinds.embed import answer, page, request, run
from inference.kinds.kind import Kind

KIND = Kind(
    name=request.NAME,
    endpoint=request.ENDPOINT,
    texts=request.texts,
    run=run.run,
    answer=answer.answer,
    usage=answer.usage,
    page=page.page_of,
    code=page.code,
)
