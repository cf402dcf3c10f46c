"""What is said to a call of an address that is not there: which one was probably meant."""

import re

from django.conf import settings
from django.urls import reverse

from inference import kinds
from inference.api.errors import NotFound

MAX_QUOTED = 200
MISPLACED = (
    "/api",
    "/chat",
    "/classify",
    "/completions",
    "/embeddings",
    "/inference",
    "/openai",
    "/rank",
    "/rerank",
    "/responses",
)
# What clients look for that there is not: they are told so, rather than to check their spelling.
_OTHERS = ("chat/completions", "completions", "responses", "images/generations", "moderations")


def nothing_at(path: str) -> NotFound:
    """The error for an address without an endpoint."""
    meant = endpoint_meant_by(path)
    hint = f" Use {settings.SITE_URL}{meant}." if meant else _what_there_is(path)
    return NotFound(
        f"There is nothing at {path[:MAX_QUOTED]}.{hint}",
        code="no_such_endpoint",
        metadata={"use": meant} if meant else {},
    )


def endpoint_meant_by(path: str) -> str | None:
    """The endpoint that a path names without its /v1, with it twice, or behind /api or /openai.

    >>> endpoint_meant_by("/embeddings"), endpoint_meant_by("/v1/v1/models/")
    ('/v1/embeddings', '/v1/models')
    """
    rest = re.sub(r"^(?:/(?:api|openai|v1|v2))*/", "/", path.rstrip("/"))
    meant = f"/v1{rest}"
    is_endpoint = meant in _paths() or re.match(r"/v1/(?:models|jobs|inference)/.", meant)
    return meant if is_endpoint and meant != path else None


def _paths() -> set[str]:
    own = ("models", "embeddings/models", "jobs", "account", "credits", "key", "openapi.json")
    endpoints = [kind.endpoint for kind in kinds.KINDS.values()]
    return {f"/v1/{name}" for name in own}.union(
        *([endpoint.path, *endpoint.aliases] for endpoint in endpoints)
    )


def _what_there_is(path: str) -> str:
    listed = ", ".join(kind.endpoint.path for kind in kinds.KINDS.values())
    docs = f"{settings.SITE_URL}{reverse('docs-page', args=['endpoints'])}"
    if path.rstrip("/").endswith(_OTHERS):
        return f" These models write no text: there are {listed}. See {docs}"
    return f" There are {listed}. See {docs}"
