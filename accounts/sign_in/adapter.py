"""Where allauth asks us: what its sentences say, what a mail costs, what a new person gets."""

from typing import ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from accounts import lifecycle
from accounts.models import User
from accounts.sign_in.email_code import count_code_mail
from accounts.sign_in.reauthentication import signed_in_recently
from catalog import email_addresses

CODE_MAILS = {"account/email/login_code"}
SECOND_STEP = "accounts.sign_in.adapter.SecondStep"
NOT_THE_CODE = "That is not the code. Please look at the newest mail or the app again."


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
        "too_many_login_attempts": "That was too often. Please wait a few minutes.",
        "rate_limited": "We have just sent a mail. Please look there, or wait a few minutes.",
    }

    def get_login_stages(self) -> list[str]:
        stages: list[str] = super().get_login_stages()
        return [SECOND_STEP if stage.endswith(".AuthenticateStage") else stage for stage in stages]

    def clean_email(self, email: str) -> str:
        # Of an address that is added to an account; sign-in has its own form.
        return email_addresses.clean(email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Raises RateLimited: anybody may ask for a code in somebody else's name."""
        if template_prefix in CODE_MAILS:
            count_code_mail(allauth_context.request, email)
        super().send_mail(template_prefix, email, context)

    def is_reauthentication_required(self, *, app: str) -> bool:
        # By allauth's own rule whoever has no password need not; by ours nobody has one.
        if not signed_in_recently(allauth_context.request):
            raise ReauthenticationRequired
        return False

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, str]]:
        if not user.is_authenticated:
            return []
        return [{"id": "again", "description": "sign in again", "url": reverse("account_again")}]

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        is_confirmed: bool = super().confirm_email(request, email_address)
        if is_confirmed:
            lifecycle.onboard(email_address.user)
        return is_confirmed

    def post_login(self, request: HttpRequest, user: User, **details: object) -> HttpResponse:
        # A code that signs in confirms its address too, without `confirm_email`.
        lifecycle.onboard(user)
        response: HttpResponse = super().post_login(request, user, **details)
        return response


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, str]] = DefaultMFAAdapter.error_messages | {
        "incorrect_code": NOT_THE_CODE,
        "unverified_email": "Please confirm each of your e-mail addresses first.",
    }

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002
        # allauth's "Master key" and "Backup key" mean nothing to who has three.
        existing = Authenticator.objects.filter(user=user, type=type).count()
        return f"passkey {existing + 1}"


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def get_app(self, request: HttpRequest, provider: str, client_id: str = "") -> SocialApp:
        """Raises Http404 where the site has no keys of theirs: allauth would answer 500."""
        try:
            return super().get_app(request, provider, client_id=client_id or None)
        except SocialApp.DoesNotExist:
            raise Http404 from None
