"""What views and the API know of a request: its types, and whom it comes from.

A view behind `login_required` takes a `SignedInRequest`.
"""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    htmx: HtmxDetails  # added by django_htmx.middleware.HtmxMiddleware


class SignedInRequest(HtmxRequest):
    user: AbstractUser  # type: ignore[assignment]  # accounts.http narrows it to accounts.User


class BodyTooSlow(Exception):
    """Raised to whoever reads a body that comes more slowly than `BODY_MIN_BYTES_PER_S`."""


def client_address(request: HttpRequest) -> str:
    """The network address of a visitor, for limits, proofs of consent and logs; "" if unknown.

    config.middleware.proxies has put it there before anything else ran: behind a trusted proxy it
    is what the proxy says. No other code reads X-Forwarded-For.
    """
    return str(request.META.get("REMOTE_ADDR") or "")


def is_from_elsewhere(request: HttpRequest) -> bool:
    """Whether a browser says that another site's page has led or posted here.

    Browsers send Sec-Fetch-Site to https and localhost only, Origin with every form that is posted.
    Programs that send neither are let through: without a browser there is no forgery.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return request.headers.get("Origin", "") not in ours | {""}


def is_allowed_host(host: str) -> bool:
    """Whether a Host header names this site, by Django's rule."""
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
