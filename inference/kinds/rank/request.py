"""The request: Jina's and Cohere's rerank, whose query and documents may be pictures.

A job's inputs are the query, then the documents.
"""

from collections.abc import Sequence
from typing import Annotated, Any, TypedDict, cast

from pydantic import ConfigDict, Field, WithJsonSchema

from catalog.models import ModelCard
from inference import jobs
from inference.images import ImageFile
from inference.kinds.errors import FieldError
from inference.kinds.fields import inputs, truncation
from inference.kinds.fields.inputs import MAX_INPUTS, ParsedInput, Url
from inference.kinds.fields.schema import EXAMPLE_IMAGE, INPUT, Body, Model
from inference.kinds.fields.truncation import Truncate
from inference.kinds.kind import Endpoint
from inference.kinds.rank.answer import Ranking
from inference.kinds.request import ParsedRequest
from inference.models import Job

NAME = "rank"
MAX_DOCUMENTS = MAX_INPUTS
DOCUMENTS = {
    "description": f"Up to {MAX_DOCUMENTS} texts, pictures, or both.",
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


class RankBody(Body):
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
        default=False,
        description="Repeats each document: a text, a picture's URL, or only its size in pixels.",
    )
    truncate: Truncate = True


def payload_of(job: Job) -> Payload:
    return cast(Payload, job.payload)  # written by this module alone


def name_of_input(index: int) -> str:
    return f"documents[{index - 1}]" if index else "query"


def job_request(
    card: ModelCard,
    query: ImageFile | str,
    documents: Sequence[ImageFile | str],
    *,
    keeps_preview: bool = False,
) -> jobs.Request:
    items = [query, *documents]
    return jobs.Request(
        card=card,
        kind=NAME,
        inputs=items,
        text_count=sum(isinstance(item, str) for item in items),
        keeps_preview=keeps_preview,
    )


def parse(body: RankBody, card: ModelCard) -> ParsedRequest:
    if not isinstance(body.documents, list):
        raise FieldError("`documents` must be a list.", param="documents")
    query = inputs.read_one(body.query, param="query")
    documents = inputs.read(body.documents, are_images=False, param="documents")
    items = [query, *documents]
    return ParsedRequest(
        card=card,
        kind=NAME,
        inputs=items,
        payload={
            **(_urls_of(documents) if body.return_documents else {}),
            **truncation.payload_of(truncate=body.truncate),
        },
        options={"top_n": body.top_n, "return_documents": body.return_documents},
        text_count=sum(isinstance(item.content, str) for item in items),
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
