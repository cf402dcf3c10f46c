"""DeepInfra's dialect: a form with a picture and its labels, or inputs to embed."""

from typing import ClassVar, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from catalog.models import ModelCard
from inference.api import openapi
from inference.api.auth import SubmittingCaller
from inference.api.dialects.dialect import Dialect
from inference.api.flow import call, serializers
from inference.api.flow.serializers import Json
from inference.api.request import model_lookup, reader
from inference.api.request.preference import Preference
from inference.kinds.classify import request as classify
from inference.kinds.classify import templates
from inference.kinds.classify.answer import LabelScore, label_scores
from inference.kinds.classify.templates import Template, TemplateList
from inference.kinds.embed import request as embed
from inference.kinds.embed.answer import vectors_of
from inference.kinds.errors import FieldError
from inference.kinds.fields import floats, inputs, labels, options, truncation
from inference.kinds.fields.options import Unsupporteds
from inference.kinds.fields.schema import EXAMPLE_IMAGE, Body, Image, Inputs, Labels
from inference.kinds.fields.truncation import Truncate
from inference.kinds.request import ParsedRequest
from inference.models import Job

router = APIRouter(tags=["DeepInfra dialect"])


class DeepInfraBody(Body):
    """What DeepInfra takes, as JSON or as a form."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"image": EXAMPLE_IMAGE, "candidate_labels": ["a cat", "a dog"]}]
        }
    )

    image: Image = None
    candidate_labels: Labels = None
    inputs: Inputs = None
    normalize: bool | None = Field(default=None, description="Vectors always have length 1.")
    hypothesis_template: Template = None
    hypothesis_templates: TemplateList = None
    truncate: Truncate = True
    unsupported: ClassVar[Unsupporteds] = options.VECTORS | options.READING | options.SCORES


class InferenceStatus(BaseModel):
    status: Literal["succeeded"]
    runtime_ms: int
    cost: float
    tokens_generated: int
    tokens_input: int
    output_length: int


class DeepInfraEmbeddings(BaseModel):
    embeddings: list[list[float]]
    input_tokens: int
    request_id: str
    inference_status: InferenceStatus
    truncated: list[int]
    warning: str | None = None


class DeepInfraAnswer(BaseModel):
    results: list[LabelScore]
    request_id: str
    inference_status: InferenceStatus
    truncated: list[int]
    warning: str | None = None


# The same as a form: its file is bytes, and its list of labels a string.
FORM: openapi.Part = {
    "type": "object",
    "properties": {
        "image": {"type": "string", "format": "binary"},
        "candidate_labels": {"type": "string", "description": "A JSON list, or commas."},
        "hypothesis_template": {"type": "string"},
        "hypothesis_templates": {"type": "string", "description": "A JSON list, or a set."},
    },
    "required": ["image", "candidate_labels"],
}
ANSWER = DeepInfraAnswer | DeepInfraEmbeddings
EXAMPLE: Json = {
    "results": [{"label": "a cat", "score": 0.998}, {"label": "a dog", "score": 0.002}],
    "request_id": "9380598d-f1c9-4ec7-8983-ba36990ac19e",
    "inference_status": {
        "status": "succeeded",
        "runtime_ms": 29,
        "cost": 0.00011,
        "tokens_generated": 0,
        "tokens_input": 18,
        "output_length": 0,
    },
    "truncated": [],
}


@router.post(
    "/v1/inference/{model:path}",
    summary="Zero-shot image classification, or embeddings",
    responses=openapi.answers(ANSWER, submits=True, example=EXAMPLE),
    openapi_extra=openapi.json_or_form(DeepInfraBody, FORM, headers=openapi.SUBMIT_HEADERS[1:]),
)
async def infer(request: Request, caller: SubmittingCaller, model: str) -> Response:
    """Labels and scores of one picture, best first; for `inputs` their vectors."""
    raw_body = await reader.read(request, DeepInfraBody)

    def parse(body: DeepInfraBody, preference: Preference) -> ParsedRequest:
        parse_task = _parse_zero_shot if body.inputs is None else _parse_embeddings
        return parse_task(body, model_lookup.find_callable(model))

    return await call.run(call.Call(request, caller, raw_body, parse, answer))


def _parse_zero_shot(body: DeepInfraBody, card: ModelCard) -> ParsedRequest:
    if body.image is None:
        raise FieldError(
            "Send `image` and `candidate_labels`, or `inputs` to embed.", param="image"
        )
    if isinstance(body.image, list):
        raise FieldError("Send one picture here; /v1/classify takes several.", param="image")
    return classify.parse_fields(
        card,
        images=[body.image],
        labels=labels.read(body.candidate_labels, param="candidate_labels"),
        template=templates.read(body.hypothesis_template, body.hypothesis_templates),
        truncate=body.truncate,
        param="image",
    )


def _parse_embeddings(body: DeepInfraBody, card: ModelCard) -> ParsedRequest:
    if body.candidate_labels is not None:
        raise FieldError("Send `inputs` or `candidate_labels`, not both.", param="inputs")
    if body.normalize is False:
        raise FieldError(
            "All vectors have length 1.", code="unsupported_parameter", param="normalize"
        )
    value = body.inputs if isinstance(body.inputs, list) else [body.inputs]
    images = [] if body.image is None else [{"image": body.image}]
    items = inputs.read([*value, *images], are_images=False, param="inputs")
    return embed.parse_inputs(card, items, truncate=body.truncate)


def answer(job: Job) -> Json:
    warning = serializers.warning_of(job)
    return {
        **(_scores(job) if job.kind == classify.NAME else _embeddings(job)),
        "truncated": truncation.truncated(job),
        **({"warning": warning} if warning else {}),
        "request_id": str(job.pk),
        "inference_status": {
            "status": "succeeded",
            "runtime_ms": serializers.runtime_ms(job),
            "cost": serializers.cost(job)["cost"],
            "tokens_generated": 0,
            "tokens_input": serializers.usage(job)["prompt_tokens"],
            "output_length": 0,
        },
    }


def _scores(job: Job) -> Json:
    return {"results": label_scores(job)}


def _embeddings(job: Job) -> Json:
    return {
        "embeddings": floats.shortest(vectors_of(job)),
        "input_tokens": serializers.usage(job)["prompt_tokens"],
    }


DIALECT = Dialect(router=router, bodies=[DeepInfraBody])
