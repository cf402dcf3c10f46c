"""What a client is told whose request could not even be read, as bytes for its connection."""

from collections.abc import Callable
from email.utils import formatdate
from functools import cache
from http import HTTPStatus

from django.template.loader import render_to_string

from config.middleware.headers import POLICY
from config.routing import is_under
from inference.api.app import PREFIXES, write_error_at
from inference.api.errors import (
    ApiError,
    HeadersTooLarge,
    Invalid,
    RequestTimeout,
    Unavailable,
    UriTooLong,
)

RETRY_AFTER_S = 5

API_ERRORS: dict[HTTPStatus, Callable[[str], ApiError]] = {
    HTTPStatus.BAD_REQUEST: lambda sentence: Invalid(sentence, code="invalid_http"),
    HTTPStatus.REQUEST_TIMEOUT: RequestTimeout,
    HTTPStatus.REQUEST_URI_TOO_LONG: UriTooLong,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: HeadersTooLarge,
    HTTPStatus.SERVICE_UNAVAILABLE: lambda sentence: Unavailable(
        sentence, retry_after_s=RETRY_AFTER_S, code="too_many_connections"
    ),
}
SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The request was not valid HTTP.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time. Please send it again.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is longer than 8 KB.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "The headers are larger than 32 KB, or there are more than 100. Delete this site's"
        " cookies, and send fewer headers."
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "Too many connections are open. Close some, and try again in a few seconds."
    ),
}


def http_response(status: HTTPStatus, path: str) -> bytes:
    """A whole response: in the API's shape below its addresses, else a page."""
    path = path.partition("?")[0]
    is_api = is_under(path, PREFIXES)
    media_type, body = _api_body(status, path) if is_api else ("text/html", _page(status))
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"date: {formatdate(usegmt=True)}",
        f"content-type: {media_type}; charset=utf-8",
        f"content-length: {len(body)}",
        f"content-security-policy: {POLICY}",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "connection: close",
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append(f"retry-after: {RETRY_AFTER_S}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _api_body(status: HTTPStatus, path: str) -> tuple[str, bytes]:
    error = API_ERRORS[status](SENTENCES[status])
    return "application/json", bytes(write_error_at(path, error).body)


@cache
def _page(status: HTTPStatus) -> bytes:
    context = {"status": status.value, "sentence": SENTENCES[status]}
    return render_to_string("refused.html", context).encode()
