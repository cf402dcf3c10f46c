"""Forms that the browser itself says to come from a page of this site need no token.

Two tabs that are a browser's first visit are each given a CSRF cookie, the second replaces the
first, and the form in the first tab would be refused. Browsers since 2023 say with each request
where it comes from, in a header that no page can set (Fetch Metadata, a W3C draft); they do so over
HTTPS and on localhost. All other requests are held to the token, as before.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


class SameOrigin:
    """Stands before Django's CsrfViewMiddleware, which skips a request that is marked as done."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    # Any: Django passes the view, its arguments and its keywords.
    def process_view(self, request: HttpRequest, *view: Any) -> None:
        # Subdomains are "same-site": they are not asked for here.
        if request.headers.get("Sec-Fetch-Site") == "same-origin":
            # As Django's own middleware marks what it has let pass.
            request.csrf_processing_done = True  # type: ignore[attr-defined]
