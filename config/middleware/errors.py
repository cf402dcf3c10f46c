"""Answers for requests that cannot be served: hostile bytes, and a database or cache away."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template.loader import render_to_string

from catalog.infrastructure.outages import OUTAGES

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5


class ErrorPages:
    """400 for what PostgreSQL could not even be asked, 503 with Retry-After while it is away."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # No text in PostgreSQL holds a NUL: a look-up with one would be an error, not a miss.
        if any("\0" in text for text in (request.path, *request.COOKIES.values())):
            return HttpResponseBadRequest("That address or cookie makes no sense.")
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, OUTAGES):
            return None
        log.error("away path=%s error=%r", request.path, error)
        # No request in its context: greeting a person would ask the database.
        page = HttpResponse(render_to_string("503.html"), status=503)
        page.headers["Retry-After"] = str(RETRY_AFTER_S)
        return page
