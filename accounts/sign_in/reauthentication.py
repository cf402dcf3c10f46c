"""What only somebody may do who has signed in lately: a session left open is not the person.

They show it again by a passkey, by their authenticator app, or by a code that is mailed to them.
Whoever has set up an app shows that or a passkey: a mail alone would be less than signing in takes.
"""

import time
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, Self

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.forms import ConfirmLoginCodeForm
from allauth.account.internal.flows.code_verification import AbstractCodeVerificationProcess
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts.http import SignedInRequest
from accounts.models import User
from accounts.sign_in.passkeys import PasskeyAgainForm

P = ParamSpec("P")
View = Callable[Concatenate[SignedInRequest, P], HttpResponse]

SESSION_KEY = "identity_code"
MAX_ATTEMPTS = 3


class Way(Enum):
    PASSKEY = "passkey"
    APP = "app"  # or one of the recovery codes
    MAIL = "mail"


class SavableForm(Protocol):
    @property
    def errors(self) -> ErrorDict: ...

    def is_valid(self) -> bool: ...

    def save(self) -> None: ...


def signed_in_recently(request: HttpRequest) -> bool:
    """By code, passkey or app, within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds."""
    # allauth keeps them in the session: how and when each step of signing in was taken.
    records = get_authentication_records(request, request.user)
    last: float = records[-1]["at"] if records else 0
    return time.time() - last < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def has_shown_second_factor(request: HttpRequest) -> bool:
    """Whether a passkey, an app's code or a recovery code was used in this session."""
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def recent_sign_in_required(view: View[P]) -> View[P]:
    @wraps(view)
    def gate(request: SignedInRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not signed_in_recently(request):
            query = urlencode({"next": request.path})
            return redirect(f"{reverse('account_again')}?{query}")
        return view(request, *args, **kwargs)

    return login_required(gate)


def ways_of(user: User) -> set[Way]:
    types = _types_of(user)
    ways = {Way.PASSKEY} if Authenticator.Type.WEBAUTHN in types else set()
    return ways | {Way.APP if Authenticator.Type.TOTP in types else Way.MAIL}


def second_factors_of(user: User) -> set[Way]:
    """Empty: none is set up. Recovery codes stand in for a lost passkey, too."""
    types = _types_of(user)
    has_codes = types & {Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES}
    ways = {Way.PASSKEY} if Authenticator.Type.WEBAUTHN in types else set()
    return ways | ({Way.APP} if has_codes else set())


def _types_of(user: User) -> set[str]:
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def form_of(way: Way, request: SignedInRequest) -> SavableForm | None:
    """The form that was posted; None: there is no code that it could be about."""
    match way:
        case Way.PASSKEY:
            passkey_form: SavableForm = PasskeyAgainForm(user=request.user, data=request.POST)
            return passkey_form
        case Way.APP:
            app_form: SavableForm = ReauthenticateForm(user=request.user, data=request.POST)
            return app_form
        case Way.MAIL:
            sent = MailedCode.resume(request)
            return MailedCodeForm(sent, data=request.POST) if sent else None


def send_code(request: SignedInRequest) -> None:
    """Mail a code to the person's main address; the adapter counts it and may refuse."""
    code = MailedCode(request, MailedCode.initial_state(request.user, request.user.email))
    code.send()
    code.persist()


def code_sent_to(request: SignedInRequest) -> str:
    """The address that a code which is still good was mailed to; empty: there is none."""
    sent = MailedCode.resume(request)
    return str(sent.state["email"]) if sent else ""


class MailedCode(AbstractCodeVerificationProcess):  # type: ignore[misc]  # allauth is untyped
    """A code in the session of somebody who is signed in; as good as the one that signs in."""

    def __init__(self, request: SignedInRequest, state: dict[str, object]) -> None:
        super().__init__(
            max_attempts=MAX_ATTEMPTS,
            timeout=settings.ACCOUNT_LOGIN_BY_CODE_TIMEOUT,
            state=state,
            user=request.user,
        )
        self.request = request

    @classmethod
    def resume(cls, request: SignedInRequest) -> Self | None:
        state = request.session.get(SESSION_KEY)
        if not state or state.get("user_id") != str(request.user.pk):
            return None
        process: Self | None = cls(request, state).abort_if_invalid()
        return process

    def send(self) -> None:
        adapter = get_adapter(self.request)
        self.state["code"] = adapter.generate_login_code()
        context = {"request": self.request, "code": self.state["code"]}
        adapter.send_mail("account/email/login_code", self.state["email"], context)

    def persist(self) -> None:
        self.request.session[SESSION_KEY] = self.state

    def abort(self) -> None:
        self.request.session.pop(SESSION_KEY, None)


class MailedCodeForm(ConfirmLoginCodeForm):  # type: ignore[misc]
    """A wrong code counts; the third ends the code."""

    def __init__(self, sent: MailedCode, **kwargs: object) -> None:
        super().__init__(code=sent.code, **kwargs)
        self.sent = sent

    def is_valid(self) -> bool:
        is_valid: bool = super().is_valid()
        if not is_valid:
            self.sent.record_invalid_attempt()
        return is_valid

    def save(self) -> None:
        self.sent.abort()
        request, email = self.sent.request, self.sent.state["email"]
        record_authentication(
            request, request.user, method="code", email=email, reauthenticated=True
        )
