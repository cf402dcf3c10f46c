"""Hugging Face's dialect: only the host differs from their router's address."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse

from inference.api import openapi
from inference.api.auth import SubmittingCaller
from inference.api.dialects.dialect import Dialect
from inference.api.errors import ApiError, Invalid, header_text
from inference.api.flow import call
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
from inference.kinds.fields import floats, image_strings, inputs, labels, options
from inference.kinds.fields.options import Unsupporteds
from inference.kinds.fields.schema import EXAMPLE_IMAGE, Body, Image, Inputs, Labels
from inference.kinds.fields.truncation import Truncate
from inference.kinds.request import ParsedRequest
from inference.models import Job

router = APIRouter(tags=["Hugging Face dialect"])
PREFIX = "/hf-inference"
MODEL = PREFIX + "/models/{owner}/{name}"
# @huggingface/inference repeats a request that was answered by 503 at once, and without end.
STATUS = {503: 504}


class HuggingFaceParameters(Body):
    """What their pipeline takes beside the inputs."""

    candidate_labels: Labels = None
    hypothesis_template: Template = None
    hypothesis_templates: TemplateList = None
    truncate: Truncate = True


class HuggingFaceBody(Body):
    """What huggingface_hub, @huggingface/inference and the old widget send."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "inputs": EXAMPLE_IMAGE,
                    "parameters": {"candidate_labels": ["a cat", "a dog"]},
                }
            ]
        }
    )

    inputs: Inputs = None
    image: Image = None
    parameters: HuggingFaceParameters | None = None
    truncate: Truncate = True  # where feature extraction has it
    unsupported: ClassVar[Unsupporteds] = options.VECTORS | options.READING | options.SCORES

    @property
    def has_labels(self) -> bool:
        parameters = self.parameters or HuggingFaceParameters()
        return bool(
            parameters.candidate_labels is not None
            or parameters.hypothesis_template
            or parameters.hypothesis_templates
        )

    @property
    def others(self) -> Mapping[str, Any]:
        # Their clients put options beside the inputs, or among the parameters.
        of_parameters = self.parameters.others if self.parameters else {}
        options.check(of_parameters, self.unsupported)
        nested = {
            f"parameters.{name}": value
            for name, value in of_parameters.items()
            if name not in self.unsupported
        }
        return {**super().others, **nested}


class PlainErrorAnswer(BaseModel):
    """Hugging Face's clients show an error only if it is a string."""

    error: str


def write_error(error: ApiError, request_id: str) -> Response:
    headers = error.headers | {"X-Error-Message": header_text(str(error))}
    return JSONResponse({"error": str(error)}, STATUS.get(error.status, error.status), headers)


def _operation(answer: Any, example: Any) -> dict[str, Any]:
    # Any: what APIRoute takes, and JSON.
    meanings = openapi.MEANINGS | {504: "The same, to clients that repeat a 503 without end."}
    statuses = (*openapi.ALWAYS, *openapi.SUBMITTING, 504)
    errors = openapi.errors(
        *statuses, model=PlainErrorAnswer, meanings=meanings, writer=write_error
    )
    return {
        "responses": openapi.answers(answer, submits=True, example=example) | errors,
        "openapi_extra": openapi.body(HuggingFaceBody),
    }


SCORES = [{"label": "a cat", "score": 0.998}, {"label": "a dog", "score": 0.002}]
ZERO_SHOT = _operation(list[LabelScore], SCORES)
FEATURES = _operation(list[list[float]], [[0.0123, -0.0456, 0.0789]])
EITHER = _operation(list[LabelScore] | list[list[float]], SCORES)


@router.post(MODEL, summary="Zero-shot image classification, or feature extraction", **EITHER)
async def infer(request: Request, caller: SubmittingCaller, owner: str, name: str) -> Response:
    """With labels a bare list of labels and scores, best first; else a bare list of vectors."""

    def parse(body: HuggingFaceBody, preference: Preference) -> ParsedRequest:
        parse_task = _parse_zero_shot if body.has_labels else _parse_features
        return parse_task(body, f"{owner}/{name}")

    raw_body = await reader.read_json(request, HuggingFaceBody)
    return await call.run(call.Call(request, caller, raw_body, parse, _answer))


@router.post(
    MODEL + "/pipeline/zero-shot-image-classification", include_in_schema=False, **ZERO_SHOT
)
async def zero_shot(request: Request, caller: SubmittingCaller, owner: str, name: str) -> Response:
    """A bare list of labels and scores, best first."""

    def parse(body: HuggingFaceBody, preference: Preference) -> ParsedRequest:
        return _parse_zero_shot(body, f"{owner}/{name}")

    raw_body = await reader.read_json(request, HuggingFaceBody)
    return await call.run(call.Call(request, caller, raw_body, parse, _answer))


@router.post(MODEL + "/pipeline/feature-extraction", summary="Feature extraction", **FEATURES)
async def extract_features(
    request: Request, caller: SubmittingCaller, owner: str, name: str
) -> Response:
    """A bare list of vectors, one for each text or picture."""

    def parse(body: HuggingFaceBody, preference: Preference) -> ParsedRequest:
        return _parse_features(body, f"{owner}/{name}")

    raw_body = await reader.read_json(request, HuggingFaceBody)
    return await call.run(call.Call(request, caller, raw_body, parse, _answer))


def _parse_zero_shot(body: HuggingFaceBody, model: str) -> ParsedRequest:
    parameters = body.parameters or HuggingFaceParameters()
    return classify.parse_fields(
        model_lookup.find_callable(model),
        images=[_image(body)],
        labels=labels.read(parameters.candidate_labels, param="candidate_labels"),
        template=templates.read(parameters.hypothesis_template, parameters.hypothesis_templates),
        truncate=parameters.truncate,
        param="inputs",
    )


def _parse_features(body: HuggingFaceBody, model: str) -> ParsedRequest:
    card = model_lookup.find_callable(model)
    value = body.inputs if body.image is None else {"image": body.image}
    if value is None:
        raise FieldError("`inputs` is missing.", param="inputs")
    _refuse_bare_pictures(value)
    items = inputs.read(value, are_images=False, param="inputs")
    parameters = body.parameters or HuggingFaceParameters()
    return embed.parse_inputs(card, items, truncate=body.truncate and parameters.truncate)


def _refuse_bare_pictures(value: Any) -> None:
    # The base64 of zero-shot calls: without labels, its letters would be embedded as a text.
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and image_strings.is_base64_image(item):
            raise FieldError(
                "This is a picture without labels. Send `parameters.candidate_labels` to have it"
                ' scored, or {"inputs": {"image": "..."}} for its vector.',
                param="inputs",
            )


def _image(body: HuggingFaceBody) -> Any:
    # `inputs` as base64 or an object with it, or the old widget's `image`.
    value = body.inputs if body.image is None else body.image
    if value is None or isinstance(value, list):
        raise FieldError(
            "`inputs` must be one picture: base64, a data URL or an https URL.", param="inputs"
        )
    return value


def _answer(job: Job) -> Json:
    if job.kind == classify.NAME:
        return label_scores(job)
    return floats.shortest(vectors_of(job))


@router.post(
    "/v1",
    summary="No endpoint: says where to go",
    status_code=400,
    responses=openapi.errors(400),
    openapi_extra={"security": []},
)
async def no_model_here(request: Request) -> Response:
    """Clients of Hugging Face that are given `base_url` post here, without a model's name."""
    model_url = f"{settings.SITE_URL}/hf-inference/models/openai/clip-vit-large-patch14"
    raise Invalid(
        "There is no endpoint at /v1 itself. Hugging Face's InferenceClient takes the model's whole"
        f' address in place of base_url: model="{model_url}".',
        code="no_model_in_address",
    )


DIALECT = Dialect(router=router, bodies=[HuggingFaceBody], prefix=PREFIX, error_writer=write_error)
