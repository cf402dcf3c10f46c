"""Puts the API together: routes, refusals, the envelope around them, and its own description."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from catalog.infrastructure.outages import OUTAGES
from catalog.limits import Refused
from inference import notify
from inference.api import openapi
from inference.api.dialects import deepinfra, hugging_face
from inference.api.errors import (
    ApiError,
    Broken,
    Invalid,
    NotAllowed,
    NotFound,
    Unavailable,
    response_of,
)
from inference.api.middleware import Envelope
from inference.api.resources import account, events, jobs, kinds, models
from inference.kinds import KINDS

log = logging.getLogger(__name__)

AWAY_RETRY_S = 5
# The order in which the description shows them. Another module of routes is one more line.
ROUTERS = (
    models.router,
    kinds.router,
    jobs.router,
    events.router,
    account.router,
    hugging_face.router,
    deepinfra.router,
)
# What FastAPI cannot see, because routes read their bodies themselves.
BODIES: tuple[type[BaseModel], ...] = (
    *(kind.endpoint.body for kind in KINDS),
    hugging_face.HuggingFaceBody,
    deepinfra.DeepInfraBody,
)
DESCRIPTION = """Zero-shot image models behind the calls that clients already make.

Keys come in `Authorization: Bearer gr_live_...`. Only a delivered answer costs anything. Every
answer has `x-request-id`; errors have one shape, with a `code` for programs."""


def build() -> Envelope:
    """The whole API as an ASGI application."""
    api = FastAPI(
        title="gigarouter",
        version="1",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    for router in ROUTERS:
        api.include_router(router)
    api.add_api_route(
        "/v1/openapi.json", lambda: JSONResponse(document_of(api)), include_in_schema=False
    )
    for error, answer in ANSWERS.items():
        api.add_exception_handler(error, answer)
    return Envelope(api)


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    yield
    notify.current_listener().close()


def document_of(api: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, made once."""
    if api.openapi_schema is None:
        document = get_openapi(
            title=api.title,
            version=api.version,
            description=api.description,
            routes=api.routes,
            openapi_version="3.1.0",
        )
        openapi.without_422s_of_its_own(document)
        document["components"]["schemas"] |= openapi.body_schemas(BODIES)
        document["servers"] = [{"url": "/"}]
        api.openapi_schema = document
    return api.openapi_schema


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  ANSWERS says so
    return response_of(error, request.scope)


async def _http(request: Request, error: Exception) -> Response:
    """What the router itself refuses."""
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        refusal: ApiError = NotAllowed(
            f"Use {allowed or 'another verb'} here.", headers={"Allow": allowed}
        )
    elif error.status_code == 404:
        refusal = NotFound(
            f"There is nothing at {request.url.path[:200]}.", code="no_such_endpoint"
        )
    else:
        refusal = Invalid(str(error.detail))
    return response_of(refusal, request.scope)


async def _invalid(request: Request, error: Exception) -> Response:
    """A parameter of the address."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return response_of(Invalid(f"`{name}`: {first['msg']}.", param=name), request.scope)


async def _limited(request: Request, error: Exception) -> Response:
    """A limit that cannot be counted lets nobody through."""
    assert isinstance(error, Refused)  # noqa: S101
    return response_of(Unavailable(str(error), retry_after_s=error.retry_after_s), request.scope)


async def _away(request: Request, error: Exception) -> Response:
    log.error("away path=%s error=%r", request.url.path, error)
    refusal = Unavailable(
        "A part of the site is being restarted. Please try again in a moment.",
        retry_after_s=AWAY_RETRY_S,
    )
    return response_of(refusal, request.scope)


async def _broken(request: Request, error: Exception) -> Response:
    """The envelope logs it."""
    return response_of(
        Broken("Something broke on our side. It was logged; please try again."), request.scope
    )


ANSWERS: dict[type[Exception], Any] = {
    ApiError: _told,
    HTTPException: _http,
    RequestValidationError: _invalid,
    Refused: _limited,
    **dict.fromkeys(OUTAGES, _away),
    Exception: _broken,
}
