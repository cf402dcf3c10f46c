"""POST /v1/embeddings: texts and pictures into one space, as OpenAI's clients ask for it."""

from fastapi import APIRouter, Request, Response

from inference.api import openapi
from inference.api.auth import Submitter
from inference.api.errors import Invalid
from inference.api.flow import call, serializers
from inference.api.request import inputs, model_lookup, reader
from inference.api.request.parsed import Asked
from inference.api.request.preference import Preference
from inference.api.schemas.requests import EmbeddingsBody
from inference.api.schemas.responses import EmbeddingList
from inference.models import Kind

router = APIRouter(tags=["embeddings"])


@router.post(
    "/v1/embeddings",
    summary="Embed texts and pictures",
    responses=openapi.answers(EmbeddingList, submits=True, may_wait=True),
    openapi_extra=openapi.body("EmbeddingsBody", headers=openapi.SUBMIT_HEADERS),
)
async def embed(request: Request, caller: Submitter) -> Response:
    """One vector for each input, in order. OpenAI's clients ask for base64 by themselves."""
    received = await reader.json_of(request, EmbeddingsBody)
    return await call.run(
        call.Call(request, caller, received, _asked, serializers.embeddings, may_wait=True)
    )


def _asked(body: EmbeddingsBody, preference: Preference) -> Asked:
    if body.dimensions is not None:
        raise Invalid(
            "These models have one size of vector; leave `dimensions` out.",
            code="unsupported_parameter",
            param="dimensions",
        )
    return Asked(
        card=model_lookup.find_callable(body.model, is_patient=preference.is_patient),
        sent=_read(body),
        kind=Kind.EMBED,
        options={"encoding_format": body.encoding_format or "float"},
    )


def _read(body: EmbeddingsBody) -> list[inputs.Sent]:
    if body.input is not None and body.messages is not None:
        raise Invalid("Send `input` or `messages`, not both.", param="messages")
    if body.messages is not None:
        return inputs.read_messages(body.messages)
    if body.input is None:
        raise Invalid("`input` is missing.", param="input")
    return inputs.read(body.input, are_pictures=body.modality == "image")
