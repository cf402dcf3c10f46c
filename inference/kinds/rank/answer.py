"""The answer: results as Jina's and Cohere's clients read them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from inference.kinds.fields import image_strings, truncation
from inference.kinds.fields.schema import Answer, Usage, shown
from inference.models import Input, Job

# What JSON is made of.
Json = dict[str, Any]
MIXED = (
    "Texts and images are among the documents. Their scores are not on one scale: most models put"
    " any text closer to a text than any image. Rank them in separate requests."
)


class Document(BaseModel):
    """`text`, or a picture: its `image` if it was a URL, and its upright size in pixels."""

    text: str | None = None
    image: str | None = None
    width: int | None = None
    height: int | None = None


class RankedDocument(BaseModel):
    index: int = Field(description="Which of `documents` it is, from 0.")
    relevance_score: float = Field(
        ge=-1,
        le=1,
        description="Cosine of query and document, from -1 to 1, to six decimals. Not a"
        " probability, and not comparable between models, nor between texts and pictures.",
    )
    document: Document | None = None


class BilledUnits(BaseModel):
    images: int
    texts: int = Field(description="Texts that were new to your account.")


class ApiVersion(BaseModel):
    version: Literal["1"]


class Meta(BaseModel):
    """Where Cohere's clients look. There are no `search_units`: nothing is billed by them."""

    api_version: ApiVersion
    billed_units: BilledUnits


class RankUsage(Usage):
    documents: int
    texts_cached: int = Field(description="Texts that were kept from an earlier request.")


EXAMPLE: Json = {
    "id": "rank_9380598df1c94ec78983ba36990ac19e",
    "object": "list",
    "created": 1796038205,
    "model": "gigarouter/conse-demo",
    "revision": "local:cd649bf2acf64134f64e746b545fb3d7886268467a383387c0ccedb5873fb6ce",
    "results": [
        {
            "index": 1,
            "relevance_score": 0.331204,
            "document": {"width": 640, "height": 480},
        },
        {
            "index": 0,
            "relevance_score": 0.284117,
            "document": {"width": 640, "height": 480},
        },
    ],
    "truncated": [],
    "query_truncated": False,
    "meta": {"api_version": {"version": "1"}, "billed_units": {"images": 2, "texts": 1}},
    "usage": {
        "prompt_tokens": 5,
        "total_tokens": 5,
        "images": 2,
        "documents": 2,
        "texts_cached": 0,
        "cost": 0.000196,
        "cost_usd": "0.000196",
        "ledger_entry": "job:9380598d-f1c9-4ec7-8983-ba36990ac19e",
    },
}


class Ranking(Answer):
    model_config = shown(EXAMPLE)

    id: str
    object: Literal["list"]
    created: int
    model: str
    revision: str | None
    results: list[RankedDocument]
    truncated: list[int] = Field(
        description="Indices of the documents that the model read only the beginning of."
    )
    query_truncated: bool = Field(description="It read only the beginning of the query.")
    meta: Meta
    usage: RankUsage


def answer_of(job: Job) -> Json:
    result = job.result or {}
    cut = truncation.truncated(job)
    answer: Json = {
        "id": f"rank_{job.pk.hex}",
        "object": "list",
        "created": int(job.created_at.timestamp()),
        "model": job.card.repo,
        "revision": result.get("revision"),
        "results": [_result(job, index, score) for index, score in ranked(job)],
        # A job's inputs are the query, then the documents.
        "truncated": [index - 1 for index in cut if index > 0],
        "query_truncated": 0 in cut,
        "meta": {"api_version": {"version": "1"}, "billed_units": _billed_units(job)},
    }
    return answer


def warnings_of(job: Job) -> list[str]:
    is_mixed = len({"text" in item for item in documents_of(job)}) > 1
    return [*([MIXED] if is_mixed else []), *image_strings.warnings_of(job, name_of_input)]


def name_of_input(index: int) -> str:
    return f"documents[{index - 1}]" if index else "query"


def ranked(job: Job) -> list[tuple[int, float]]:
    """Documents by index with their scores, best first, as many as were asked for."""
    scores: list[float] = (job.result or {})["scores"]
    best_first = sorted(enumerate(scores), key=lambda item: (-item[1], item[0]))
    return best_first[: job.options.get("top_n") or len(best_first)]


def documents_of(job: Job) -> list[Input]:
    documents: list[Input] = job.inputs[1:]
    return documents


def _result(job: Job, index: int, score: float) -> Json:
    result: Json = {"index": index, "relevance_score": score}
    if job.options.get("return_documents"):
        result["document"] = _document(job, index)
    return result


def _document(job: Job, index: int) -> Json:
    item = documents_of(job)[index]
    if "text" in item:
        return {"text": item["text"]}
    # The bytes of a picture are gone, and would make an answer of many megabytes.
    url = job.payload.get("urls", {}).get(str(index))
    size = {"width": item["width"], "height": item["height"]}
    return {"image": url, **size} if url else size


def _billed_units(job: Job) -> Json:
    if not job.is_paid:
        return {"images": 0, "texts": 0}
    return {"images": job.image_count, "texts": len(set(job.text_inputs)) - _cached(job)}


def _cached(job: Job) -> int:
    count: int = (job.result or {}).get("texts_cached", 0)
    return count


def usage_of(job: Job) -> Json:
    return {"documents": len(documents_of(job)), "texts_cached": _cached(job)}
