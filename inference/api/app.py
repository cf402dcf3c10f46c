"""Puts the API together: routes, error handlers, the middleware around them, its description."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from catalog.infrastructure import log_context
from inference import kinds, notify
from inference.api import hints
from inference.api.batches import batches_route, files_route
from inference.api.batches.schemas import BatchBody
from inference.api.dialects import DIALECTS
from inference.api.dialects.dialect import Dialect
from inference.api.error_handlers import HANDLERS
from inference.api.errors import ApiError, ErrorWriter, write_error
from inference.api.middleware import ApiMiddleware
from inference.api.openapi import document
from inference.api.resources import account, events, jobs, models, quote, webhooks
from inference.api.resources.kinds import kinds_router

DESCRIPTION = """Zero-shot image models behind the calls that clients already make.

Keys come in `Authorization: Bearer gr_live_...`. Only a delivered answer costs anything. Every
answer has `x-request-id`; errors have one shape, with a `code` for programs."""

# All paths that begin so are the API's; most dialects live under /v1.
PREFIXES = [
    "/v1",
    *(dialect.prefix for dialect in DIALECTS if dialect.prefix),
    # Where clients call whose base URL lacks the /v1: they are told so, in JSON. No page is there.
    *hints.MISPLACED,
]


def build(dialects: Sequence[Dialect] = DIALECTS) -> ApiMiddleware:
    api = FastAPI(
        title="gigarouter",
        version="1",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        generate_unique_id_function=document.operation_id,
    )
    for router in _routers(dialects):
        api.include_router(router)
    api.add_api_route(
        "/v1/openapi.json",
        lambda: JSONResponse(openapi_document(api, dialects)),
        include_in_schema=False,
    )
    for error, handler in HANDLERS.items():
        api.add_exception_handler(error, handler)
    return ApiMiddleware(api, error_writer_at=partial(_error_writer_at, dialects))


def write_error_at(path: str, error: ApiError) -> Response:
    """What the API answers below its addresses when a request did not even reach it."""
    return _error_writer_at(DIALECTS, path)(error, log_context.new_request_id())


def _error_writer_at(dialects: Sequence[Dialect], path: str, user_agent: str = "") -> ErrorWriter:
    # Some dialects' errors have a shape of their own.
    for dialect in dialects:
        is_at = bool(dialect.prefix) and path.startswith(dialect.prefix)
        is_by = bool(dialect.user_agent) and dialect.user_agent in user_agent
        if dialect.error_writer and (is_at or is_by):
            return dialect.error_writer
    return write_error


def _routers(dialects: Sequence[Dialect]) -> list[APIRouter]:
    # In the order of the OpenAPI document.
    return [
        models.router,
        kinds_router(),
        jobs.router,
        events.router,
        files_route.router,
        batches_route.router,
        webhooks.router,
        account.router,
        quote.router,
        *(dialect.router for dialect in dialects),
    ]


def _bodies(dialects: Sequence[Dialect]) -> list[type[BaseModel]]:
    # FastAPI cannot see them: routes read their bodies themselves.
    return [
        *(kind.endpoint.body for kind in kinds.KINDS.values()),
        BatchBody,
        quote.QuoteBody,
        *webhooks.BODIES,
        *(body for dialect in dialects for body in dialect.bodies),
    ]


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    yield
    notify.current_listener().close()


def openapi_document(api: FastAPI, dialects: Sequence[Dialect]) -> dict[str, Any]:
    if api.openapi_schema is None:
        api.openapi_schema = document.make(api, _routers(dialects), _bodies(dialects))
    return api.openapi_schema
