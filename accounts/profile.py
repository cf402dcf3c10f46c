"""The verbs of being a person here: settle in, take one's data along, leave.

OnRecord    the admin's history names this person, who can be closed but not deleted
"""

import logging
from datetime import timedelta
from importlib import import_module
from typing import Protocol, cast

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from accounts import credits
from accounts.models import User
from catalog.demand import subscribers, votes

log = logging.getLogger(__name__)

FORGET_UNCONFIRMED_AFTER = timedelta(days=7)


class OnRecord(Exception):
    """To delete whoever has worked in the admin would delete the history of that work."""


class Section(Protocol):
    """A module that keeps something about people; `settings.PERSONAL_DATA` lists them."""

    def export(self, user: User) -> dict[str, object]:
        """What is kept of this person, ready for JSON."""

    def erase(self, user: User) -> None:
        """Delete it, or take the person out of it, before the person's row goes."""


def settle_in(user: User) -> None:
    """What a person with a confirmed address gets; called at each sign-in, given once."""
    if EmailAddress.objects.filter(user=user, verified=True).exists():
        credits.welcome(user)
        subscribers.adopt(user)
        votes.adopt(user)


def export(user: User) -> dict[str, object]:
    """All that is kept of a person, by section."""
    everything: dict[str, object] = {}
    for section in _sections():
        everything |= section.export(user)
    return everything


def is_on_record(user: User) -> bool:
    """Whether the admin's history says of anything that this person did it."""
    return LogEntry.objects.filter(user=user).exists()


@transaction.atomic
def delete(user: User) -> None:
    """Remove a person for good. The ledger's lines stay, and name nobody. Raises OnRecord."""
    number = user.pk
    # The database refuses as well; here nothing has been erased yet, neither rows nor files.
    if is_on_record(user):
        raise OnRecord(f"the admin's history names person {number}")
    for section in _sections():
        section.erase(user)
    for session in UserSession.objects.filter(user=user):
        session.end()
    user.delete()
    log.info("person deleted id=%s", number)


def forget_unconfirmed() -> int:
    """Delete who asked for a code and never typed it: it may have been somebody else's address.

    Whom the operator gave a key or credit (`manage.py issue_key`) may be a machine without mail.
    """
    confirmed = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    forgotten, _ = User.objects.filter(
        ~Exists(confirmed),
        last_login__isnull=True,
        is_staff=False,
        api_keys=None,
        wallet=None,
        date_joined__lt=Now() - FORGET_UNCONFIRMED_AFTER,
    ).delete()
    return forgotten


def _sections() -> list[Section]:
    # A module is such a section, which no type can say of one that is named in the settings.
    return [cast(Section, import_module(name)) for name in settings.PERSONAL_DATA]
