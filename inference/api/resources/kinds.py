"""The endpoint of each kind of job: the kind says where and what, the way there is the same."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from inference import kinds
from inference.api import openapi
from inference.api.auth import SubmittingCaller
from inference.api.flow import call, serializers
from inference.api.request import model_lookup, reader
from inference.api.request.preference import Preference
from inference.kinds.kind import Endpoint
from inference.kinds.request import ParsedRequest


def kinds_router() -> APIRouter:
    router = APIRouter()
    for kind in kinds.KINDS.values():
        endpoint = kind.endpoint
        submit = _route_of(endpoint)
        for path in (endpoint.path, *endpoint.aliases):
            router.post(
                path,
                tags=[endpoint.tag],
                name=kind.name,
                summary=endpoint.summary,
                description=endpoint.description,
                responses=openapi.answers(endpoint.answer, submits=True, may_wait=True),
                openapi_extra=openapi.json_or_form(
                    endpoint.body, openapi.form_of(endpoint.body), headers=openapi.SUBMIT_HEADERS
                ),
                include_in_schema=path == endpoint.path,
            )(submit)
    return router


def _route_of(endpoint: Endpoint) -> Callable[[Request, SubmittingCaller], Awaitable[Response]]:
    # Any: a body is an instance of the kind's own `body`.
    def parse(body: Any, preference: Preference) -> ParsedRequest:
        card = model_lookup.find_callable(body.model, needs_worker=not preference.accepts_202)
        return endpoint.parse(body, card)

    async def submit(request: Request, caller: SubmittingCaller) -> Response:
        raw_body = await reader.read(request, endpoint.body)
        return await call.run(
            call.Call(request, caller, raw_body, parse, serializers.native, may_wait=True)
        )

    return submit
