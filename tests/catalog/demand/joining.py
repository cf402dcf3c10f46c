"""Asking for a place on a waitlist and confirming it, without the pages."""

import re

from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage

from accounts.models import User
from catalog.demand import waitlist
from catalog.demand.waitlist import confirmation
from catalog.models import ModelCard, WaitlistEntry

ADA = "ada@lab.example"


def person(email: str, *, is_confirmed: bool = True) -> User:
    user = User.objects.create_user(email)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=is_confirmed)
    return user


def ask(card: ModelCard, email: str = ADA, *, address: str = "192.0.2.1") -> EmailMessage | None:
    """Ask, and give the mail that it made. The limits are those of another day."""
    cache.clear()
    before = len(mail.outbox)
    waitlist.join_by_mail(card, email, consent_address=address)
    return mail.outbox[before] if len(mail.outbox) > before else None


def asked_token(card: ModelCard, email: str = ADA) -> str:
    written = ask(card, email)
    assert written is not None
    match = re.search(r"/waitlist/confirm/([^/\s]+)/", str(written.body))
    assert match, written.body
    return match.group(1)


def waits(card: ModelCard, email: str = ADA) -> WaitlistEntry:
    entry = confirmation.confirm(asked_token(card, email)).entry
    assert entry is not None
    return entry
