"""An id for each request of a page: in the response's headers, and on the log lines it causes."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from catalog.infrastructure import log_context


class RequestId:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Always our own: an id that a client sent would let anybody write into our log.
        request_id = log_context.new_request_id()
        with log_context.bound(request_id=request_id):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response
