"""Pages for strangers: made once, kept a few seconds, sent compressed with their ETag.

Whoever has a session or a message waiting gets a page of their own. Each web process keeps its
pages in its own memory: no round trip, and no page is lost with the cache server. A page that is
kept must hold nothing personal, a form's CSRF token included.
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


def for_strangers(view: View) -> View:
    """Keep the view's page for `PAGE_CACHE_S` seconds, for visitors without a session."""
    prepared = gzip_page(_stamped(view))

    @wraps(view)
    def answer(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        if not settings.PAGE_CACHE_S or _is_known(request):
            return view(request, *args, **kwargs)
        kept = cache_page(settings.PAGE_CACHE_S, cache="pages")(prepared)
        response = kept(request, *args, **kwargs)
        # Added outside of what is kept: inside, every visitor's cookies would make a page.
        patch_vary_headers(response, ["Cookie"])
        return response

    return answer


def _is_known(request: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in request.COOKIES or "messages" in request.COOKIES


def _stamped(view: View) -> View:
    """The page with ETag and Last-Modified, for a browser to ask again each time.

    Somebody who signs in must not be shown the page from before: the browser may keep it, but asks.
    """

    def answer(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Last-Modified"] = http_date(timezone.now().timestamp())
        patch_cache_control(response, max_age=0, must_revalidate=True)
        set_response_etag(response)
        return response

    return answer
