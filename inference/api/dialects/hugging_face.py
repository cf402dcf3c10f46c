"""Hugging Face's dialect: only the host differs from their router's address."""

from typing import Any

from django.conf import settings
from fastapi import APIRouter, Request, Response

from inference.api import openapi
from inference.api.auth import Submitter
from inference.api.errors import Invalid
from inference.api.flow import call, serializers
from inference.api.request import candidate_labels, inputs, model_lookup, reader
from inference.api.request.parsed import Asked
from inference.api.request.preference import Preference
from inference.api.resources import classify
from inference.api.schemas.requests import HuggingFaceBody, HuggingFaceParameters
from inference.api.schemas.responses import LabelScore
from inference.models import Kind

router = APIRouter(tags=["Hugging Face dialect"])
MODEL = "/hf-inference/models/{owner}/{name}"
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
    received = await reader.json_of(request, HuggingFaceBody)

    def ask(body: HuggingFaceBody, preference: Preference) -> Asked:
        parameters = body.parameters or HuggingFaceParameters()
        return classify.asked(
            f"{owner}/{name}",
            pictures=[_picture(body)],
            labels=candidate_labels.read(parameters.candidate_labels, param="candidate_labels"),
            template=candidate_labels.template(parameters.hypothesis_template),
            param="inputs",
        )

    return await call.run(call.Call(request, caller, received, ask, serializers.scores))


@router.post(MODEL + "/pipeline/feature-extraction", summary="Feature extraction", **FEATURES)
async def extract_features(request: Request, caller: Submitter, owner: str, name: str) -> Response:
    """A bare list of vectors, one for each text or picture."""
    received = await reader.json_of(request, HuggingFaceBody)

    def ask(body: HuggingFaceBody, preference: Preference) -> Asked:
        card = model_lookup.find_callable(f"{owner}/{name}")
        given = body.inputs if body.image is None else {"image": body.image}
        if given is None:
            raise Invalid("`inputs` is missing.", param="inputs")
        sent = inputs.read(given, are_pictures=False, param="inputs")
        return Asked(card=card, sent=sent, kind=Kind.EMBED)

    return await call.run(call.Call(request, caller, received, ask, serializers.features))


def _picture(body: HuggingFaceBody) -> Any:
    """`inputs` as base64 or an object with it, or the old widget's `image`."""
    found = body.inputs if body.image is None else body.image
    if found is None or isinstance(found, list):
        raise Invalid(
            "`inputs` must be one picture: base64, a data URL or an https URL.", param="inputs"
        )
    return found


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
