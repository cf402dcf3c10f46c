"""DeepInfra's dialect: a form with a picture and its labels."""

from fastapi import APIRouter, Request, Response

from inference.api import answers, bodies, calls, classify, labels_in, openapi
from inference.api.asked import Asked
from inference.api.auth import Submitter
from inference.api.preference import Preference
from inference.api.schemas import DeepInfraAnswer
from inference.api.sent import DeepInfraBody

router = APIRouter(tags=["DeepInfra dialect"])


@router.post(
    "/v1/inference/{model:path}",
    summary="Zero-shot image classification",
    responses=openapi.answers(DeepInfraAnswer, submits=True),
    openapi_extra=openapi.form_or_json("DeepInfraBody", files=["image"]),
)
async def infer(request: Request, caller: Submitter, model: str) -> Response:
    """Labels and scores of one picture, best first."""
    received = await bodies.json_or_form_of(request, DeepInfraBody)

    def ask(body: DeepInfraBody, preference: Preference) -> Asked:
        return classify.asked(
            model,
            pictures=[body.image],
            labels=labels_in.read(body.candidate_labels, param="candidate_labels"),
            template=labels_in.template(body.hypothesis_template),
            param="image",
        )

    return await calls.run(calls.Call(request, caller, received, ask, answers.deepinfra))
