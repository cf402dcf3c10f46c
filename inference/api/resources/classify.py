"""POST /v1/classify: pictures against labels. Ours: OpenAI has no such endpoint."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from inference.api import openapi
from inference.api.auth import Submitter
from inference.api.errors import Invalid
from inference.api.flow import call, serializers
from inference.api.request import candidate_labels, inputs, model_lookup, reader
from inference.api.request.parsed import Asked
from inference.api.request.preference import Preference
from inference.api.schemas.requests import ClassifyBody
from inference.api.schemas.responses import ClassificationList

MOST_SCORES = 20_000  # pictures times labels: an answer of two megabytes

router = APIRouter(tags=["classification"])


@router.post(
    "/v1/classify",
    summary="Score pictures against labels",
    responses=openapi.answers(ClassificationList, submits=True, may_wait=True),
    openapi_extra=openapi.body("ClassifyBody", headers=openapi.SUBMIT_HEADERS),
)
async def classify(request: Request, caller: Submitter) -> Response:
    """For each picture its predictions, best first. OpenAI has no such endpoint; the shape is a
    superset of Jina's. (vLLM's and infinity's /classify means something else: fixed labels.)"""
    received = await reader.json_of(request, ClassifyBody)
    return await call.run(
        call.Call(request, caller, received, _asked, serializers.classification, may_wait=True)
    )


def _asked(body: ClassifyBody, preference: Preference) -> Asked:
    if body.labels is not None and body.candidate_labels is not None:
        raise Invalid("Send `labels` or `candidate_labels`: they are the same.", param="labels")
    param = "candidate_labels" if body.labels is None else "labels"
    return asked(
        body.model,
        pictures=body.input,
        labels=candidate_labels.read(
            body.candidate_labels if body.labels is None else body.labels,
            param=param,
            none_of_these=body.none_of_these,
        ),
        template=candidate_labels.template(body.hypothesis_template),
        activation=body.activation,
        options={"top_k": body.top_k, "none_of_these": body.none_of_these},
        is_patient=preference.is_patient,
    )


def asked(
    model: str,
    *,
    pictures: Any,
    labels: list[str],
    template: str,
    activation: str = "auto",
    options: Mapping[str, object] | None = None,
    param: str = "input",
    is_patient: bool = False,
) -> Asked:
    """What is asked, in whatever dialect; raises ApiError. `pictures`: as sent."""
    card = model_lookup.find_callable(model, is_patient=is_patient)
    sent = inputs.read(pictures, are_pictures=True, param=param)
    for each in sent:
        if isinstance(each.what, str):
            raise Invalid(
                "Only pictures can be classified here; this input is a text.",
                code="unsupported_input",
                param=each.param,
            )
    if len(sent) * len(labels) > MOST_SCORES:
        raise Invalid(
            f"{len(sent):,} pictures by {len(labels):,} labels are more than"
            f" {MOST_SCORES:,} scores: send fewer at once.",
            param=param,
        )
    return Asked(
        card=card,
        sent=sent,
        labels=labels,
        template=template,
        activation=activation,
        options=options or {},
    )
