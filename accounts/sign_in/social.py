"""Coming in with an account at another site: it identifies by what that site vouches for only."""

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.forms import DisconnectForm
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.shortcuts import redirect

from accounts.models import User
from accounts.sign_in import addresses
from catalog.demand import subscribers

NOT_VOUCHED = (
    "{provider} hasn't verified any e-mail address of that account. Verify one there first, or "
    "sign in here with a code by e-mail."
)
ONLY_WAY_IN = (
    "It's your only way to sign in. Confirm an e-mail address first: then you can sign in with a "
    "code."
)


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    def get_app(self, request: HttpRequest, provider: str, client_id: str = "") -> SocialApp:
        """Raises Http404 where the site has no keys of theirs: allauth would answer 500."""
        try:
            return super().get_app(request, provider, client_id=client_id or None)
        except SocialApp.DoesNotExist:
            raise Http404 from None

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        if _is_connecting(sociallogin):
            # It goes to whoever is signed in, whatever addresses it has.
            return None
        for email in _vouched(sociallogin):
            person = addresses.person_at(email)
            if person is not None:
                return person, email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if _is_connecting(sociallogin):
            return
        # By address, not by a connection that was made before.
        email: str | None = sociallogin._did_authenticate_by_email
        if email:
            _prove(sociallogin.user, email)
        elif not sociallogin.is_existing:
            _keep_one_address(request, sociallogin)


class DisconnectProviderForm(DisconnectForm):  # type: ignore[misc]
    def clean(self) -> dict[str, object]:
        # Not allauth's, which would have a password as the other way in.
        cleaned: dict[str, object] = forms.Form.clean(self) or {}
        if not subscribers.has_confirmed(self.request.user):
            raise forms.ValidationError(ONLY_WAY_IN)
        return cleaned


def _prove(person: User, email: str) -> None:
    addresses.detach_from_nobodys(person)
    addresses.prove(person, email)


def _keep_one_address(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """A new person begins with one address, the main one of those that the provider vouches for."""
    vouched = _vouched(sociallogin)
    if not vouched:
        provider = sociallogin.account.get_provider().name
        messages.error(request, NOT_VOUCHED.format(provider=provider))
        raise ImmediateHttpResponse(redirect("account_login"))
    [address] = [a for a in sociallogin.email_addresses if a.email == vouched[0]]
    address.primary = True
    sociallogin.email_addresses = [address]
    sociallogin.user.email = address.email
    addresses.end_other_claims(address.email, None)


def _vouched(sociallogin: SocialLogin) -> list[str]:
    # allauth has sorted them: the main one first.
    return [address.email for address in sociallogin.email_addresses if address.verified]


def _is_connecting(sociallogin: SocialLogin) -> bool:
    return bool(sociallogin.state.get("process") == AuthProcess.CONNECT)
