"""DeepInfra's dialect: a form with a picture and its labels."""

from typing import ClassVar, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

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
from inference.kinds.fields import labels, options, truncation
from inference.kinds.fields.options import Unsupporteds
from inference.kinds.fields.schema import EXAMPLE_IMAGE, Body, Image, Labels
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

    image: Image
    candidate_labels: Labels
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


@router.post(
    "/v1/inference/{model:path}",
    summary="Zero-shot image classification",
    responses=openapi.answers(DeepInfraAnswer, submits=True),
    openapi_extra=openapi.json_or_form(DeepInfraBody, FORM),
)
async def infer(request: Request, caller: SubmittingCaller, model: str) -> Response:
    """Labels and scores of one picture, best first."""
    raw_body = await reader.read(request, DeepInfraBody)

    def parse(body: DeepInfraBody, preference: Preference) -> ParsedRequest:
        return classify.parse_fields(
            model_lookup.find_callable(model),
            images=[body.image],
            labels=labels.read(body.candidate_labels, param="candidate_labels"),
            template=templates.read(body.hypothesis_template, body.hypothesis_templates),
            truncate=body.truncate,
            param="image",
        )

    return await call.run(call.Call(request, caller, raw_body, parse, answer))


def answer(job: Job) -> Json:
    warning = serializers.warning_of(job)
    return {
        "results": label_scores(job),
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


DIALECT = Dialect(router=router, bodies=[DeepInfraBody])
