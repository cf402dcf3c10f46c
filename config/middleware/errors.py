"""Answers for requests that cannot be served: unreadable ones, and a database or cache away."""

import logging
from collections.abc import Callable
from http import HTTPStatus

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string

from catalog.http import client_address
from catalog.infrastructure.outages import OUTAGES
from config.access_log import redacted

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
# A wrong host; a form that is too large or broken; a client that has gone.
UNREADABLE = (SuspiciousOperation, BadRequest, MultiPartParserError, UnreadablePostError)
# What Django's parsers raise for charsets and encodings that do not fit what was sent.
UNDECODABLE = (UnicodeError, LookupError)


class ErrorPages:
    """400 for what cannot be read, 503 with Retry-After while a server is away: one log line each.

    Django would log a traceback for the first, and with DEBUG=1 write a page of it, which takes
    40 s for a thousand parameters. So all that a view may ask of a request is asked here, once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            _read(request)
        except (*UNREADABLE, *UNDECODABLE) as error:
            return _bad_request(request, error)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, UNREADABLE):
            return _bad_request(request, error)
        if not isinstance(error, OUTAGES):
            return None
        log.error("away path=%s error=%r", redacted(request.path), error)
        # No request in its context: greeting a person would ask the database.
        page = HttpResponse(render_to_string("503.html"), status=HTTPStatus.SERVICE_UNAVAILABLE)
        page.headers["Retry-After"] = str(RETRY_AFTER_S)
        return page


def _read(request: HttpRequest) -> None:
    """Raises one of UNREADABLE or UNDECODABLE."""
    request.get_host()
    # No text in PostgreSQL holds a NUL: a look-up with one would be an error, not a miss.
    texts = [request.path, *request.COOKIES.values(), *request.GET]
    for values in request.GET.lists():
        texts += values[1]
    if any("\0" in text for text in texts):
        raise BadRequest("a NUL in the address or a cookie")
    if request.method == "POST":
        request.POST  # noqa: B018  it is parsed when first looked at


def _bad_request(request: HttpRequest, error: Exception) -> HttpResponse:
    log.info(
        "bad request path=%s client=%s error=%s",
        redacted(request.path),
        client_address(request),
        f"{type(error).__name__}: {error}"[:200].encode("unicode_escape").decode(),
    )
    page = HttpResponse(render_to_string("400.html"), status=HTTPStatus.BAD_REQUEST)
    page.headers["X-Content-Type-Options"] = "nosniff"
    return page
