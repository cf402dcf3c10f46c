"""Requests as a view may know them once middleware and decorators have done their part.

Types only: nothing here runs. A view behind `login_required` takes a `SignedInRequest`.
"""

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    htmx: HtmxDetails  # added by django_htmx.middleware.HtmxMiddleware


class SignedInRequest(HtmxRequest):
    user: AbstractUser  # type: ignore[assignment]  # accounts.http narrows it to accounts.User
