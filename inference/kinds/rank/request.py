"""The request: Jina's and Cohere's rerank, whose query and documents may be pictures.

A job's inputs are the query, then the documents.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, TypedDict, cast

from pydantic import ConfigDict, Field, WithJsonSchema

from catalog.models import ModelCard
from inference import jobs
from inference.images import ImageFile
from inference.jobs import text_work
from inference.kinds.errors import FieldError
from inference.kinds.fields import inputs, options, truncation
from inference.kinds.fields.inputs import MAX_IMAGES, MAX_INPUTS
from inference.kinds.fields.options import Unsupported, Unsupporteds
from inference.kinds.fields.parsed_input import ParsedInput, Url
from inference.kinds.fields.schema import EXAMPLE_IMAGE, INPUT, CallBody, Model
from inference.kinds.fields.truncation import Truncate
from inference.kinds.kind import Endpoint
from inference.kinds.rank.answer import Ranking
from inference.kinds.request import ParsedRequest
from inference.models import Job

NAME = "rank"
MAX_DOCUMENTS = MAX_INPUTS
DOCUMENTS = {
    "description": f"Up to {MAX_DOCUMENTS:,} texts, pictures, or both; {MAX_IMAGES} pictures.",
    "type": "array",
    "items": INPUT,
    "minItems": 1,
    "maxItems": MAX_DOCUMENTS,
}
QUERY = {"description": "One text or one picture.", **INPUT}
# `fields.inputs` reads these: Pydantic could not name what is wrong in a union.
Query = Annotated[Any, WithJsonSchema(QUERY)]
Documents = Annotated[Any, WithJsonSchema(DOCUMENTS)]


class Payload(TypedDict, total=False):
    """`urls`: where pictures came from, by the document's index, for answers that repeat it."""

    urls: dict[str, str]


class RankBody(CallBody):
    """A query, and the documents to order by how close they are to it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "gigarouter/conse-demo",
                    "query": "an orange square",
                    "documents": [{"image": EXAMPLE_IMAGE}, EXAMPLE_IMAGE],
                    "top_n": 1,
                }
            ]
        }
    )

    model: Model
    query: Query
    documents: Documents
    top_n: int | None = Field(
        default=None, ge=1, description="How many results, best first; else all."
    )
    return_documents: bool = Field(
        default=True,
        description="Repeats each document: a text, a picture's URL, or only its size in pixels."
        " Jina's default; OpenRouter's SDK refuses results without one.",
    )
    truncate: Truncate = True
    form_inputs: ClassVar[str] = "documents"
    unsupported: ClassVar[Unsupporteds] = options.READING | {
        "on_error": Unsupported("A ranking needs all of its documents.", accepted=("fail",)),
        "truncation": Unsupported("Say `truncate`.", accepted=(True,)),
        "top_k": Unsupported("Say `top_n`."),
    }


def payload_of(job: Job) -> Payload:
    return cast(Payload, job.payload)  # written by this module alone


def job_request(
    card: ModelCard,
    query: ImageFile | str,
    documents: Sequence[ImageFile | str],
    *,
    keeps_preview: bool = False,
) -> jobs.Request:
    items = [query, *documents]
    texts = [item for item in items if isinstance(item, str)]
    return jobs.Request(
        card=card,
        kind=NAME,
        inputs=items,
        text_count=len(texts),
        text_tokens=text_work.tokens_of(texts),
        max_tokens=text_work.most_tokens_of(texts, context_length=card.most_tokens),
        keeps_preview=keeps_preview,
    )


def parse(body: RankBody, card: ModelCard) -> ParsedRequest:
    if not isinstance(body.documents, list):
        raise FieldError("`documents` must be a list.", param="documents")
    query = inputs.read_one(body.query, param="query")
    documents = inputs.read(body.documents, are_images=False, param="documents")
    items = [query, *documents]
    texts = [item.content for item in items if isinstance(item.content, str)]
    return ParsedRequest(
        card=card,
        kind=NAME,
        inputs=items,
        payload={
            **(_urls_of(documents) if body.return_documents else {}),
            **truncation.payload_of(truncate=body.truncate),
        },
        options={"top_n": body.top_n, "return_documents": body.return_documents},
        text_count=len(texts),
        text_tokens=text_work.tokens_of(texts),
        max_tokens=text_work.most_tokens_of(texts, context_length=card.most_tokens),
    )


def _urls_of(documents: Sequence[ParsedInput]) -> Payload:
    # Their bytes take the place of URLs when they are fetched.
    urls = {
        str(index): item.content.address
        for index, item in enumerate(documents)
        if isinstance(item.content, Url)
    }
    return {"urls": urls} if urls else {}


ENDPOINT = Endpoint(
    path="/v1/rank",
    own_fields=frozenset({"query", "documents"}),
    aliases=["/v1/rerank"],
    tag="rerank",
    summary="Rank pictures and texts by a query",
    description=(
        "The documents, closest to the query first, in the shape of Jina's and Cohere's rerank:"
        " `/v1/rerank` is the same endpoint. `relevance_score` is a cosine. Documents with the same"
        " score keep their order."
    ),
    body=RankBody,
    answer=Ranking,
    parse=parse,
)
