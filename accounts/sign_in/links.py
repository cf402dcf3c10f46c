"""A link that signs one person in without mail: for when the mail server is down.

    manage.py sign_in_link EMAIL        # whoever runs the server makes it

It works once, for a quarter of an hour, and replaces the code by mail alone: a second factor is
still asked for. Its making and its use are in the log, and for staff in the admin's history, which
nobody can erase and which therefore says nothing of others.
"""

from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.encoding import force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from accounts import operators
from accounts.models import User


class LinkTokens(PasswordResetTokenGenerator):
    """Signed with the person's last sign-in, so that the next one ends the token.

    PASSWORD_RESET_TIMEOUT bounds it; nobody here has a password.
    """

    key_salt = "accounts.sign_in.links"


_tokens = LinkTokens()


class LinkEnded(Exception):
    """Used, too old, or never one of ours."""


def make(person: User, *, maker: str) -> str:
    """The address; `maker` is who ran the command."""
    uid = urlsafe_base64_encode(str(person.pk).encode())
    token = _tokens.make_token(person)
    operators.note(person, f"Sign-in link made at the command line by {maker}.")
    return settings.SITE_URL + reverse("sign_in_link", args=[uid, token])


def person_of(uid: str, token: str) -> User:
    """Raises LinkEnded."""
    try:
        person = User.objects.filter(pk=force_str(urlsafe_base64_decode(uid))).first()
    except (ValueError, OverflowError):
        person = None
    if person is None or not person.is_active or not _tokens.check_token(person, token):
        raise LinkEnded
    return person


def use(request: HttpRequest, uid: str, token: str, *, address: str) -> HttpResponse:
    """Sign in, or lead to the second factor. Raises LinkEnded."""
    with transaction.atomic():
        person = person_of(uid, token)
        # Of two that come at once, the second waits here, and then finds the link used.
        User.objects.select_for_update().get(pk=person.pk)
        person = person_of(uid, token)
        operators.note(person, f"Sign-in link used from {address}.")
        record_authentication(request, person, "sign_in_link")
        # The operator vouches for the address; mail that would confirm it does not come now.
        login = Login(user=person, email_verification=EmailVerificationMethod.NONE)
        response: HttpResponse = perform_login(request, login)
        return response
