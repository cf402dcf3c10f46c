"""The endpoint of each kind of job: the kinds say where and what, the way there is the same."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from inference.api import openapi
from inference.api.auth import Submitter
from inference.api.flow import call, serializers
from inference.api.request import model_lookup, reader
from inference.api.request.preference import Preference
from inference.kinds import KINDS
from inference.kinds.kind import Kind
from inference.kinds.request import ParsedRequest

router = APIRouter()


def _endpoint_of(kind: Kind) -> Callable[[Request, Submitter], Awaitable[Response]]:
    endpoint = kind.endpoint

    # Any: a body is an instance of the kind's own `body`.
    def parse(body: Any, preference: Preference) -> ParsedRequest:
        card = model_lookup.find_callable(body.model, is_patient=preference.is_patient)
        return endpoint.parse(body, card)

    async def submit(request: Request, caller: Submitter) -> Response:
        raw_body = await reader.json_of(request, endpoint.body)
        return await call.run(
            call.Call(request, caller, raw_body, parse, serializers.native, may_wait=True)
        )

    return submit


for _kind in KINDS:
    router.post(
        _kind.endpoint.path,
        tags=[_kind.endpoint.tag],
        name=_kind.name,
        summary=_kind.endpoint.summary,
        description=_kind.endpoint.description,
        responses=openapi.answers(_kind.endpoint.answer, submits=True, may_wait=True),
        openapi_extra=openapi.body(_kind.endpoint.body.__name__, headers=openapi.SUBMIT_HEADERS),
    )(_endpoint_of(_kind))
