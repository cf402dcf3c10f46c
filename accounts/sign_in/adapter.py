"""Where allauth asks us: what its sentences say, what a mail costs, what a new person gets."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts import lifecycle
from accounts.models import User
from accounts.sign_in import addresses, code_mails
from accounts.sign_in.reauthentication import signed_in_recently
from catalog import email_addresses
from catalog.demand import pending, subscribers
from catalog.http import client_address
from catalog.limits import Refused, known_browsers
from catalog.numbers.money import format_usd

FIRST_SIGN_IN = "first_sign_in"
SECOND_STEP = "accounts.sign_in.adapter.SecondStep"
NOT_THE_CODE = "That isn't the code. Check the newest mail, or the app, and try again."


class SecondStep(AuthenticateStage):  # type: ignore[misc]  # allauth is untyped
    """Asked of who has set up an authenticator app.

    A passkey alone does not make it: it is a quicker way in, and losing the device must not lock
    its owner out of an account that a code by mail opens.
    """

    def _should_handle(self, request: HttpRequest) -> bool:
        person = self.login.user
        has_app = person is not None and is_mfa_enabled(person, [Authenticator.Type.TOTP])
        return has_app and bool(super()._should_handle(request))


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, str]] = DefaultAccountAdapter.error_messages | {
        "incorrect_code": NOT_THE_CODE,
        "too_many_login_attempts": "Too many attempts. Please wait a few minutes and try again.",
    }

    def get_login_stages(self) -> list[str]:
        stages: list[str] = super().get_login_stages()
        return [SECOND_STEP if stage.endswith(".AuthenticateStage") else stage for stage in stages]

    def clean_email(self, email: str) -> str:
        # Of an address that is added to an account; sign-in has its own form.
        return email_addresses.clean(email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Leads back with a sentence if the address has had its share of codes."""
        request = allauth_context.request
        if template_prefix in code_mails.TEMPLATES and not _is_code_mail_due(request, email):
            return
        super().send_mail(template_prefix, email, context)

    def generate_login_code(self) -> str:
        code: str = super().generate_login_code()
        request = allauth_context.request
        return (request and code_mails.shared_code_of(request)) or code

    def get_client_ip(self, request: HttpRequest) -> str:
        # What allauth counts by, and shows people of their sessions.
        return client_address(request)

    def is_reauthentication_required(self, *, app: str) -> bool:
        # By allauth's own rule whoever has no password need not; by ours nobody has one.
        if not signed_in_recently(allauth_context.request):
            raise ReauthenticationRequired
        return False

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, str]]:
        if not user.is_authenticated:
            return []
        return [{"id": "again", "description": "confirm it's you", "url": reverse("account_again")}]

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        is_confirmed: bool = super().confirm_email(request, email_address)
        if is_confirmed:
            addresses.end_other_claims(email_address.email, email_address.user)
            lifecycle.onboard(email_address.user, address=self.get_client_ip(request))
        return is_confirmed

    def pre_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse | None:
        email = details.get("email")
        if email and email in subscribers.confirmed_addresses(user):
            # By a code that was typed just now: allauth has noted the address as confirmed.
            addresses.end_other_claims(email, user)
        if user.last_login is None:
            # In the session: a second step may come before `post_login`.
            request.session[FIRST_SIGN_IN] = user.pk
        response: HttpResponse | None = super().pre_login(request, user, **details)
        return response

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        # Only whoever has shown that the account is theirs comes this far.
        if user.is_suspended:
            reason = {"reason": user.suspension_reason}
            return render(request, "accounts/sign_in/suspended.html", reason, status=403)
        response: HttpResponse = super().respond_user_inactive(request, user)
        return response

    def post_login(self, request: HttpRequest, user: User, **details: object) -> HttpResponse:
        # A code that signs in confirms its address too, without `confirm_email`.
        lifecycle.onboard(user, address=self.get_client_ip(request))
        response: HttpResponse = super().post_login(request, user, **details)
        leads_to = response.headers.get("Location", "")
        pending.complete(request, response, user, leads_to=leads_to)
        if request.session.pop(FIRST_SIGN_IN, None) == user.pk:
            response.headers["Location"] = _first_page(request, leads_to)
        known_browsers.remember(request, response, subscribers.confirmed_addresses(user))
        return response


def _first_page(request: HttpRequest, leads_to: str) -> str:
    """Where somebody comes who is here for the first time: welcomed, or to what they began."""
    if leads_to in {settings.LOGIN_REDIRECT_URL, reverse("account"), reverse("api_keys")}:
        return reverse("welcome")
    if settings.FREE_CREDIT_MICRO_USD:
        credit = format_usd(settings.FREE_CREDIT_MICRO_USD)
        messages.info(request, f"Your account is new and comes with {credit} of free credit.")
    return leads_to


def _is_code_mail_due(request: HttpRequest, email: str) -> bool:
    """False: the code is in a mail that was sent to somebody else who asked."""
    try:
        if code_mails.shared_code_of(request):
            return code_mails.count_shared(request, email)
        code_mails.count(request, email)
        return True
    except Refused as refusal:
        messages.error(request, str(refusal))
        raise ImmediateHttpResponse(redirect(request.get_full_path())) from None


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, str]] = DefaultMFAAdapter.error_messages | {
        "incorrect_code": NOT_THE_CODE,
        "unverified_email": "Please confirm each of your e-mail addresses first.",
    }

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002
        # allauth's "Master key" and "Backup key" mean nothing to who has three.
        existing = Authenticator.objects.filter(user=user, type=type).count()
        return f"passkey {existing + 1}"
