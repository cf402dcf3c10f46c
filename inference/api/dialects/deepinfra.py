"""DeepInfra's dialect: a form with a picture and its labels."""

from fastapi import APIRouter, Request, Response

from inference.api import openapi
from inference.api.auth import Submitter
from inference.api.flow import call, serializers
from inference.api.request import candidate_labels, reader
from inference.api.request.parsed import Asked
from inference.api.request.preference import Preference
from inference.api.resources import classify
from inference.api.schemas.requests import DeepInfraBody
from inference.api.schemas.responses import DeepInfraAnswer

router = APIRouter(tags=["DeepInfra dialect"])


@router.post(
    "/v1/inference/{model:path}",
    summary="Zero-shot image classification",
    responses=openapi.answers(DeepInfraAnswer, submits=True),
    openapi_extra=openapi.form_or_json("DeepInfraBody", files=["image"]),
)
async def infer(request: Request, caller: Submitter, model: str) -> Response:
    """Labels and scores of one picture, best first."""
    received = await reader.json_or_form_of(request, DeepInfraBody)

    def ask(body: DeepInfraBody, preference: Preference) -> Asked:
        return classify.asked(
            model,
            pictures=[body.image],
            labels=candidate_labels.read(body.candidate_labels, param="candidate_labels"),
            template=candidate_labels.template(body.hypothesis_template),
            param="image",
        )

    return await call.run(call.Call(request, caller, received, ask, serializers.deepinfra))
