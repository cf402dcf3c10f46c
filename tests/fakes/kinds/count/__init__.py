"""count: how many inputs there are. A kind that no site needs, to see what a new one touches."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from catalog.models import ModelCard
from inference.kinds.fields import inputs
from inference.kinds.fields.schema import Body, Inputs, Model, Usage
from inference.kinds.kind import Code, Endpoint, Json, Kind, Outcome, Page, Work
from inference.kinds.request import ParsedRequest
from inference.models import Job


class CountBody(Body):
    model: Model
    input: Inputs
    unit: str = "inputs"


class CountAnswer(BaseModel):
    object: Literal["count"]
    count: int
    usage: Usage


def parse(body: CountBody, card: ModelCard) -> ParsedRequest:
    items = inputs.read(body.input, are_images=False)
    return ParsedRequest(
        card=card,
        kind="count",
        inputs=items,
        payload={"unit": body.unit},
        text_count=sum(isinstance(item.content, str) for item in items),
    )


def run(work: Work) -> Outcome:
    texts = work.text_vectors(work.job.text_inputs)
    return Outcome({"count": len(work.image_vectors) + len(texts)})


def answer_of(job: Job) -> Json:
    return {"object": "count", "count": (job.result or {})["count"]}


def page_of(job: Job) -> Page:
    unit = job.payload["unit"]
    if job.result is None:
        return Page(request=[("unit", [unit])])
    count = job.result["count"]
    return Page(
        request=[("unit", [unit])],
        headline=f"{count} {unit}",
        result={"count": count},
        computed=[("counted", unit)],
    )


KIND = Kind(
    name="count",
    folder=Path(__file__).parent,
    endpoint=Endpoint(
        path="/v1/count",
        tag="counts",
        summary="Count inputs",
        description="How many inputs there are.",
        body=CountBody,
        answer=CountAnswer,
        parse=parse,
    ),
    texts=lambda job: job.text_inputs,
    run=run,
    answer=answer_of,
    usage=lambda job: {},
    page=page_of,
    code=lambda job: Code(snippet="count", note="Count on your fingers."),
)
