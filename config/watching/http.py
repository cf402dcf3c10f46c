"""Counts HTTP requests of this process by route, for /metrics (prometheus_client's own registry),
and gives each a span where there are traces.

A route is a pattern, `models/<str:owner>/<str:name>/`, never an address: nobody can make new series
by asking for new addresses. What no pattern matches counts as `unmatched`.
"""

import time

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from opentelemetry.trace import Span
from prometheus_client import Counter, Gauge, Histogram

from config.middleware.asgi import Application, Message, Receive, Scope, Send
from config.watching import request_spans

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
OTHER_METHOD = "other"
UNMATCHED = "unmatched"
# Calls that wait for their job may take a minute.
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# The client went away before there was an answer: nginx's word for it.
CLIENT_GONE = 499
# In the ASGI scope.
ROUTE = "gigarouter.route"

REQUESTS = Counter(
    "gigarouter_http_requests", "Requests by route and status.", ["route", "method", "status"]
)
DURATIONS = Histogram(
    "gigarouter_http_request_duration_seconds",
    "Until the last byte of the response was handed to the server.",
    ["route", "method"],
    buckets=SECONDS,
)
IN_FLIGHT = Gauge("gigarouter_http_requests_in_flight", "Requests that are being answered.")


class CountRequests:
    """The outermost ASGI application: it sees refusals of all that lies inside, too."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        start: Message = {"status": CLIENT_GONE}

        async def send_and_note(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            await send(message)

        began_s = time.monotonic()
        with IN_FLIGHT.track_inprogress(), request_spans.begun(scope) as span:
            try:
                await self.application(scope, receive, send_and_note)
            finally:
                _count(scope, start["status"], time.monotonic() - began_s)
                if span:
                    _describe(span, scope, start)


class NoteRoute(MiddlewareMixin):
    """Django's middleware: notes in the ASGI scope which pattern has matched."""

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponseBase | None:
        scope = getattr(request, "scope", None)
        if scope is not None and request.resolver_match:
            scope[ROUTE] = f"/{request.resolver_match.route}"
        return None


def _count(scope: Scope, status: int, seconds: float) -> None:
    route, method = route_of(scope), _method_of(scope)
    REQUESTS.labels(route, method, str(status)).inc()
    DURATIONS.labels(route, method).observe(seconds)


def _describe(span: Span, scope: Scope, start: Message) -> None:
    route = route_of(scope)
    request_spans.describe(
        span,
        scope,
        method=_method_of(scope),
        route=None if route == UNMATCHED else route,
        status=start["status"],
        headers=start.get("headers", []),
    )


def _method_of(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else OTHER_METHOD


def route_of(scope: Scope) -> str:
    """Django's pattern, or the one that FastAPI has noted."""
    if noted := scope.get(ROUTE):
        return str(noted)
    if api_route := scope.get("route"):
        return str(getattr(api_route, "path", UNMATCHED))
    is_static = scope["path"].startswith(f"/{settings.STATIC_URL.strip('/')}/")
    return "/static/" if is_static else UNMATCHED
