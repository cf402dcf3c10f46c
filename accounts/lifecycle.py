"""The verbs of having an account: onboard, export, delete.

HasAdminHistory    the admin's history names this person, who can be closed but not deleted
"""

import logging
from datetime import timedelta
from importlib import import_module
from typing import Protocol, cast

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import transaction

from accounts import gifts
from accounts.models import User
from accounts.sign_in import addresses
from catalog.demand import subscribers, votes
from catalog.infrastructure.retention import Retention

log = logging.getLogger(__name__)

UNCONFIRMED_KEPT_FOR = timedelta(days=7)


class HasAdminHistory(Exception):
    """Deleting this person would delete the history of their work in the admin."""


class Section(Protocol):
    """A module that keeps something about people; `settings.PERSONAL_DATA` lists them."""

    def export(self, user: User) -> dict[str, object]:
        """What is kept of this person, ready for JSON."""

    def erase(self, user: User) -> None:
        """Delete it, or take the person out of it, before the person's row goes."""


def onboard(user: User, *, address: str = "") -> None:
    """What a person with a confirmed address gets; called at each sign-in, takes effect once.

    `address`: the network address that they come from.
    """
    if subscribers.has_confirmed(user):
        gifts.welcome(user, address=address)
        subscribers.adopt(user)
        votes.adopt(user)


def export(user: User) -> dict[str, object]:
    everything: dict[str, object] = {}
    for section in _sections():
        everything |= section.export(user)
    return everything


def has_admin_history(user: User) -> bool:
    return LogEntry.objects.filter(user=user).exists()


@transaction.atomic
def delete(user: User) -> None:
    """For good. The ledger's lines stay, and name nobody. Raises HasAdminHistory."""
    number = user.pk  # delete() clears it
    # The database refuses as well; here nothing has been erased yet, neither rows nor files.
    if has_admin_history(user):
        raise HasAdminHistory(f"the admin's history names person {number}")
    for section in _sections():
        section.erase(user)
    # end() deletes Django's session, too; the cascade would delete allauth's row only.
    for session in UserSession.objects.filter(user=user):
        session.end()
    user.delete()
    log.info("person deleted id=%s", number)


# Who asked for a code and never typed it: it may have been somebody else's address.
UNCONFIRMED = Retention(
    "unconfirmed people", addresses.unconfirmed_people, "date_joined", UNCONFIRMED_KEPT_FOR
)


def _sections() -> list[Section]:
    # A module is such a section, which no type can say of one that is named in the settings.
    return [cast(Section, import_module(name)) for name in settings.PERSONAL_DATA]
