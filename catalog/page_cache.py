"""Pages for anonymous visitors: made once, cached a few seconds, sent compressed with their ETag.

Whoever has a session or a message waiting gets a page of their own. A cached page must hold nothing
personal, a form's CSRF token included.
"""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers, set_response_etag
from django.utils.http import http_date
from django.views.decorators.cache import cache_page
from django.views.decorators.gzip import gzip_page

View = Callable[..., HttpResponse]


def cache_for_anonymous(view: View) -> View:
    """Cache the view's page for `PAGE_CACHE_S` seconds, for visitors without a session."""
    prepared = gzip_page(_with_validators(view))

    @wraps(view)
    def answer(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        if not settings.PAGE_CACHE_S or _is_known(request):
            return view(request, *args, **kwargs)
        # "pages" is each web process's own memory: no round trip, and no page is lost with Valkey.
        cached = cache_page(settings.PAGE_CACHE_S, cache="pages")(prepared)
        response = cached(request, *args, **kwargs)
        # Added outside of what is cached: inside, every visitor's cookies would make a page.
        patch_vary_headers(response, ["Cookie"])
        return response

    return answer


def _is_known(request: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in request.COOKIES or "messages" in request.COOKIES


def _with_validators(view: View) -> View:
    """The page with ETag and Last-Modified."""

    def answer(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Last-Modified"] = http_date(timezone.now().timestamp())
        # A browser may keep the page but asks each time: somebody who has just signed in must not
        # be shown the page from before.
        patch_cache_control(response, max_age=0, must_revalidate=True)
        set_response_etag(response)
        return response

    return answer
