"""A new dialect is a file and a line of the registry: nothing else has to know it."""

from functools import partial

import pytest
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.responses import JSONResponse

from inference.api import openapi
from inference.api.dialects import DIALECTS
from inference.api.dialects.dialect import Dialect
from inference.api.errors import ApiError, Invalid
from tests.support.http import fresh_api


class LoudBody(BaseModel):
    """What loud clients send."""

    shout: str


def write_error(error: ApiError, request_id: str) -> Response:
    return JSONResponse({"loud": str(error).upper()}, error.status)


router = APIRouter(tags=["loud dialect"])


@router.post("/loud/echo", summary="Echo", openapi_extra=openapi.body(LoudBody))
async def echo(request: Request) -> Response:
    """What was sent, louder."""
    body = LoudBody.model_validate_json(await request.body())
    if not body.shout:
        raise Invalid("There is nothing to shout.")
    return JSONResponse(body.shout.upper())


LOUD = Dialect(router=router, bodies=[LoudBody], prefix="/loud", error_writer=write_error)


call = partial(fresh_api.call, dialects=(*DIALECTS, LOUD))


def test_its_routes_answer() -> None:
    response = call(lambda http: http.post("/loud/echo", json={"shout": "a cat"}))

    assert (response.status_code, response.json()) == (200, "A CAT")
    assert response.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(("path", "status"), [("/loud/echo", 400), ("/loud/nothing", 404)])
def test_errors_below_its_prefix_have_its_shape(path: str, status: int) -> None:
    response = call(lambda http: http.post(path, json={"shout": ""}))

    assert response.status_code == status
    assert list(response.json()) == ["loud"]


def test_errors_elsewhere_keep_theirs() -> None:
    error = call(lambda http: http.post("/v1/nothing")).json()["error"]
    plain_error = call(lambda http: http.post("/hf-inference/nothing")).json()["error"]

    assert error["code"] == "no_such_endpoint"
    assert plain_error.startswith("There is nothing at /hf-inference/nothing. There are /v1/")


def test_the_openapi_document_describes_its_body() -> None:
    document = call(lambda http: http.get("/v1/openapi.json")).json()

    assert "/loud/echo" in document["paths"]
    assert document["components"]["schemas"]["LoudBody"]["required"] == ["shout"]
