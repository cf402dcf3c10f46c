"""What only somebody may do who has signed in lately: a session left open is not the person."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts.http import SignedInRequest

P = ParamSpec("P")
View = Callable[Concatenate[SignedInRequest, P], HttpResponse]


def signed_in_recently(request: HttpRequest) -> bool:
    """By code, passkey or app, within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds."""
    # allauth keeps them in the session: how and when each step of signing in was taken.
    records = get_authentication_records(request, request.user)
    last: float = records[-1]["at"] if records else 0
    return time.time() - last < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def recent_sign_in_required(view: View[P]) -> View[P]:
    @wraps(view)
    def gate(request: SignedInRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not signed_in_recently(request):
            query = urlencode({"next": request.path})
            return redirect(f"{reverse('account_again')}?{query}")
        return view(request, *args, **kwargs)

    return login_required(gate)
