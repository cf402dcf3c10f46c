"""How exceptions become errors of the API: FastAPI's handlers, by the class of the exception."""

import logging
from typing import Any

from django.conf import settings
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from catalog.http import BodyTooSlow
from catalog.infrastructure.outages import OUTAGES
from catalog.limits import Refused
from inference.api import hints
from inference.api.errors import (
    ApiError,
    InternalError,
    Invalid,
    NotAllowed,
    RequestTimeout,
    Unavailable,
)
from inference.api.request_context import context_of

log = logging.getLogger(__name__)

OUTAGE_RETRY_S = 5
VERBS = ("DELETE", "GET", "PATCH", "POST", "PUT")


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  HANDLERS says so
    return context_of(request).respond(error)


async def _routing_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 405:
        allowed = _verbs_at(request)
        refusal: ApiError = NotAllowed(
            f"Use {allowed or 'another verb'} here.", headers={"Allow": allowed}
        )
    elif error.status_code == 404:
        refusal = hints.nothing_at(request.url.path)
    else:
        refusal = Invalid(str(error.detail))
    return context_of(request).respond(refusal)


def _verbs_at(request: Request) -> str:
    """Of all routes of the path: Starlette names those of the first one."""
    verbs = [verb for verb in VERBS if _answers(request, verb)]
    return ", ".join(verbs + ["HEAD"] * ("GET" in verbs))


def _answers(request: Request, verb: str) -> bool:
    asked = {**request.scope, "method": verb}
    return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)


async def _invalid_parameter(request: Request, error: Exception) -> Response:
    # Of the path, the query or a header: bodies are checked by `reader`.
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return context_of(request).respond(Invalid(f"`{name}`: {first['msg']}.", param=name))


async def _uncounted_limit(request: Request, error: Exception) -> Response:
    # A limit that cannot be counted lets nobody through.
    assert isinstance(error, Refused)  # noqa: S101
    refusal = Unavailable(str(error), retry_after_s=error.retry_after_s)
    return context_of(request).respond(refusal)


async def _outage(request: Request, error: Exception) -> Response:
    log.error("away path=%s error=%r", request.url.path, error)
    refusal = Unavailable(
        "A part of the site is being restarted. Please try again in a moment.",
        retry_after_s=OUTAGE_RETRY_S,
    )
    return context_of(request).respond(refusal)


async def _body_too_slow(request: Request, error: Exception) -> Response:
    refusal = RequestTimeout(
        f"The body came more slowly than {settings.BODY_MIN_BYTES_PER_S} bytes per second."
        " Please send it again.",
        headers={"Connection": "close"},
    )
    return context_of(request).respond(refusal)


async def _unexpected_error(request: Request, error: Exception) -> Response:
    # Starlette raises it again after this response, and the middleware logs it.
    return context_of(request).respond(InternalError())


# Any: Starlette's own type of a handler is that loose.
HANDLERS: dict[type[Exception], Any] = {
    ApiError: _api_error,
    HTTPException: _routing_error,
    RequestValidationError: _invalid_parameter,
    Refused: _uncounted_limit,
    BodyTooSlow: _body_too_slow,
    **dict.fromkeys(OUTAGES, _outage),
    Exception: _unexpected_error,
}
