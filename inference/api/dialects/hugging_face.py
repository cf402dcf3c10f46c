"""Hugging Face's dialect: only the host differs from their router's address."""

from typing import Any

from django.conf import settings
from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from inference.api import openapi
from inference.api.auth import Submitter
from inference.api.errors import Invalid
from inference.api.flow import call
from inference.api.flow.serializers import Json
from inference.api.request import model_lookup, reader
from inference.api.request.preference import Preference
from inference.api.schemas.responses import LabelScore
from inference.kinds.classify import request as classify
from inference.kinds.classify.answer import predictions_of, top
from inference.kinds.embed import request as embed
from inference.kinds.embed.answer import vectors_of
from inference.kinds.errors import FieldError
from inference.kinds.fields import inputs, labels
from inference.kinds.fields.schema import EXAMPLE_IMAGE, Body, Image, Inputs, Labels
from inference.kinds.request import ParsedRequest
from inference.models import Job

router = APIRouter(tags=["Hugging Face dialect"])
MODEL = "/hf-inference/models/{owner}/{name}"


class HuggingFaceParameters(Body):
    """What the pipeline is told."""

    candidate_labels: Labels = None
    hypothesis_template: str | None = Field(default=None, max_length=200)


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


ZERO_SHOT: dict[str, Any] = {  # what APIRoute takes
    "responses": openapi.answers(list[LabelScore], submits=True, plain=True),
    "openapi_extra": openapi.body("HuggingFaceBody"),
}
FEATURES: dict[str, Any] = {
    "responses": openapi.answers(list[list[float]], submits=True, plain=True),
    "openapi_extra": openapi.body("HuggingFaceBody"),
}


@router.post(MODEL, summary="Zero-shot image classification", **ZERO_SHOT)
@router.post(
    MODEL + "/pipeline/zero-shot-image-classification", include_in_schema=False, **ZERO_SHOT
)
async def zero_shot(request: Request, caller: Submitter, owner: str, name: str) -> Response:
    """A bare list of labels and scores, best first."""
    raw_body = await reader.json_of(request, HuggingFaceBody)

    def parse(body: HuggingFaceBody, preference: Preference) -> ParsedRequest:
        parameters = body.parameters or HuggingFaceParameters()
        return classify.parse_fields(
            model_lookup.find_callable(f"{owner}/{name}"),
            images=[_image(body)],
            labels=labels.read(parameters.candidate_labels, param="candidate_labels"),
            template=labels.read_template(parameters.hypothesis_template),
            param="inputs",
        )

    return await call.run(call.Call(request, caller, raw_body, parse, scores))


@router.post(MODEL + "/pipeline/feature-extraction", summary="Feature extraction", **FEATURES)
async def extract_features(request: Request, caller: Submitter, owner: str, name: str) -> Response:
    """A bare list of vectors, one for each text or picture."""
    raw_body = await reader.json_of(request, HuggingFaceBody)

    def parse(body: HuggingFaceBody, preference: Preference) -> ParsedRequest:
        card = model_lookup.find_callable(f"{owner}/{name}")
        value = body.inputs if body.image is None else {"image": body.image}
        if value is None:
            raise FieldError("`inputs` is missing.", param="inputs")
        items = inputs.read(value, are_images=False, param="inputs")
        return embed.parse_inputs(card, items)

    return await call.run(call.Call(request, caller, raw_body, parse, features))


def _image(body: HuggingFaceBody) -> Any:
    # `inputs` as base64 or an object with it, or the old widget's `image`.
    value = body.inputs if body.image is None else body.image
    if value is None or isinstance(value, list):
        raise FieldError(
            "`inputs` must be one picture: base64, a data URL or an https URL.", param="inputs"
        )
    return value


def scores(job: Job) -> Json:
    """A bare list of label and score, of the one image, best first."""
    [predictions] = predictions_of(job)
    return [
        {"label": prediction["label"], "score": prediction["score"]}
        for prediction in top(job, predictions)
    ]


def features(job: Job) -> Json:
    return vectors_of(job).tolist()


@router.post(
    "/v1",
    summary="No endpoint: says where to go",
    responses=openapi.errors(400),
    openapi_extra={"security": []},
)
async def no_model_here(request: Request) -> Response:
    """Clients of Hugging Face that are given `base_url` post here, without a model's name."""
    right = f"{settings.SITE_URL}/hf-inference/models/openai/clip-vit-large-patch14"
    raise Invalid(
        "There is no endpoint at /v1 itself. Hugging Face's InferenceClient takes the model's whole"
        f' address in place of base_url: model="{right}".',
        code="no_model_in_address",
    )
