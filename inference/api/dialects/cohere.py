"""Cohere's dialect: its clients rerank at /v2, and read errors that have a `message`."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.responses import JSONResponse

from inference.api import openapi
from inference.api.auth import SubmittingCaller
from inference.api.dialects.dialect import Dialect
from inference.api.errors import ApiError
from inference.api.flow import call, serializers
from inference.api.request import model_lookup, reader
from inference.api.request.preference import Preference
from inference.kinds.rank import request as rank
from inference.kinds.rank.answer import Ranking
from inference.kinds.rank.request import RankBody
from inference.kinds.request import ParsedRequest

PREFIX = "/v2"
router = APIRouter(tags=["Cohere dialect"])


class CohereErrorAnswer(BaseModel):
    """`id` names the request; `code` and `param` are ours."""

    message: str
    id: str
    code: str
    param: str | None


def write_error(error: ApiError, request_id: str) -> Response:
    body = {"message": str(error), "id": request_id, "code": error.code, "param": error.param}
    return JSONResponse(body, error.status, error.headers)


def _responses() -> dict[int | str, dict[str, Any]]:
    statuses = (*openapi.ALWAYS, *openapi.SUBMITTING)
    errors = openapi.errors(*statuses, model=CohereErrorAnswer, writer=write_error)
    return openapi.answers(Ranking, submits=True) | errors


@router.post(
    PREFIX + "/rerank",
    summary="Rerank",
    responses=_responses(),
    openapi_extra=openapi.body(RankBody),
)
async def rerank(request: Request, caller: SubmittingCaller) -> Response:
    """As `/v1/rank`. A document of Cohere's clients is a string: a text, or a data URL."""
    raw_body = await reader.read_json(request, RankBody)

    def parse(body: RankBody, preference: Preference) -> ParsedRequest:
        return rank.parse(body, model_lookup.find_callable(body.model))

    return await call.run(call.Call(request, caller, raw_body, parse, serializers.native))


DIALECT = Dialect(router=router, bodies=[RankBody], prefix=PREFIX, error_writer=write_error)
