"""The span of a request, as OpenTelemetry's conventions for HTTP servers describe it.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
Neither queries nor headers nor addresses of clients: they hold what people have typed.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from django.conf import settings
from opentelemetry.trace import Span, StatusCode

from catalog.infrastructure import tracing
from config.access_log import redacted
from config.middleware.asgi import Scope

Headers = Iterable[tuple[bytes, bytes]]

# Asked for every few seconds, by nobody who waits for a page.
UNTRACED = {"/healthz", "/readyz", "/metrics"}


def begun(scope: Scope) -> AbstractContextManager[Span | None]:
    if not tracing.is_on() or _is_untraced(scope["path"]):
        return nullcontext()
    return tracing.request_span(_incoming(scope["headers"]))


def _is_untraced(path: str) -> bool:
    return path in UNTRACED or path.startswith(f"/{settings.STATIC_URL.strip('/')}/")


def _incoming(headers: Headers) -> str:
    # More than one is no valid header.
    values = [value for name, value in headers if name == b"traceparent"]
    return values[0].decode("latin-1").strip() if len(values) == 1 else ""


def describe(
    span: Span, scope: Scope, *, method: str, route: str | None, status: int, headers: Headers
) -> None:
    """`method` and `route` are from short lists; `headers` are those of the response."""
    if not span.is_recording():
        return
    span.update_name(f"{method} {route}" if route else method)
    span.set_attribute("http.request.method", method)
    span.set_attribute("url.path", redacted(scope["path"]))
    span.set_attribute("http.response.status_code", status)
    if route:
        span.set_attribute("http.route", route)
    if request_id := dict(headers).get(b"x-request-id"):
        span.set_attribute("gigarouter.request_id", request_id.decode("latin-1"))
    if status >= 500:
        span.set_status(StatusCode.ERROR)
