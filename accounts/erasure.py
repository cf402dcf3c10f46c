"""Leaving: an account is closed at once, and what is kept of its person goes in the background.

    request     in the person's own request, quick however much there is: nobody gets in any more,
                the address is free, and a row says what is still to be done
    run         by a worker, slice by slice, until nothing is left; then the person's row goes, too
    resume      what was cut short, each minute

HasAdminHistory    the admin's history names this person, who can be closed but not deleted
"""

import logging
from importlib import import_module
from typing import Protocol, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.models import Erasure, User, Wallet
from catalog.admin.audited import scrub
from catalog.infrastructure import broker, locks
from catalog.infrastructure.retention import ROWS_PER_SLICE, Budget

log = logging.getLogger(__name__)

# By name: tasks import this module, not the reverse.
ERASE_TASK = "accounts.tasks.erase"


class HasAdminHistory(Exception):
    """Deleting this person would delete the history of their work in the admin."""


class Section(Protocol):
    """A module that keeps something about people; `settings.PERSONAL_DATA` lists them."""

    def export(self, user: User) -> dict[str, object]:
        """What is kept of this person, ready for JSON."""

    def close(self, user: User) -> list[str]:
        """Stop at once whatever goes on in their name; only statements that are quick.

        Returns the addresses that the section knows to be this person's.
        """

    def erase(self, erasure: Erasure, limit: int) -> int:
        """Delete up to `limit` rows, or take the person out of them; how many. 0: none is left."""


def sections() -> list[Section]:
    # A module is such a section, which no type can say of one that is named in the settings.
    return [cast(Section, import_module(name)) for name in settings.PERSONAL_DATA]


def has_admin_history(user: User) -> bool:
    return LogEntry.objects.filter(user=user).exists()


@transaction.atomic
def request(user: User) -> Erasure:
    """Close the account; a second request is the first. Raises HasAdminHistory."""
    # The database refuses as well; here nothing has been erased yet, neither rows nor files.
    if has_admin_history(user):
        raise HasAdminHistory(f"the admin's history names person {user.pk}")
    # Of two requests at once the second waits here, and then finds the first.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    existing = Erasure.objects.filter(user=user).first()
    if existing is not None:
        return existing
    addresses = {address for section in sections() for address in section.close(user)}
    erasure = Erasure.objects.create(user=user, addresses=sorted(addresses))
    _shut(user)
    broker.send_on_commit(ERASE_TASK, user.pk)
    log.info("erasure requested user=%s", user.pk)
    return erasure


def _shut(user: User) -> None:
    """Nobody gets in, and the address is free for whoever comes back as a new person."""
    # end() deletes Django's session, too; a cascade would delete allauth's row only.
    for session in UserSession.objects.filter(user=user):
        session.end()
    for model in (EmailAddress, SocialAccount, Authenticator):
        model.objects.filter(user=user).delete()
    user.email = f"person-{user.pk}@erased.invalid"
    user.password = make_password(None)
    user.is_active = user.is_staff = user.is_superuser = False
    user.suspension_reason, user.suspended_at = "", None
    user.save(
        update_fields=[
            "email",
            "password",
            "is_active",
            "is_staff",
            "is_superuser",
            "suspension_reason",
            "suspended_at",
        ]
    )


def run(user_id: int, budget: Budget) -> bool:
    """Erase slice by slice while there is time; True: nothing is left, the person's row included.

    Each slice is a transaction. It may be run twice, at once too: one of the two leaves at once.
    """
    while not budget.is_spent:
        with locks.try_lock(f"accounts.erase:{user_id}") as is_locked:
            if not is_locked:
                return False
            erasure = Erasure.objects.select_related("user").filter(user=user_id).first()
            if erasure is None:
                return True
            if not _erase_slice(erasure):
                _finish(erasure)
                return True
    return False


def run_or_send_again(user_id: int, budget: Budget) -> None:
    """One round of a worker that does other housekeeping, too."""
    if not run(user_id, budget) and budget.is_spent:
        broker.send(ERASE_TASK, user_id)


def resume() -> int:
    """Enqueue erasures that are not done; how many there are."""
    unfinished = list(Erasure.objects.order_by("pk").values_list("user", flat=True))
    for user_id in unfinished:
        broker.send(ERASE_TASK, user_id)
    return len(unfinished)


def _erase_slice(erasure: Erasure) -> int:
    for section in sections():
        erased = section.erase(erasure, ROWS_PER_SLICE)
        if erased:
            return erased
    return 0


def _finish(erasure: Erasure) -> None:
    user, number = erasure.user, erasure.user_id
    # A look at the whole history, before anything is locked.
    scrub(erasure.addresses, f"person {number}")
    # From here on a new job of theirs waits, and fails once there is no such person; those that
    # came just before go now.
    Wallet.objects.select_for_update(of=("self",), no_key=True).filter(user=user).first()
    while _erase_slice(erasure):
        pass
    user.delete()
    log.info("person deleted id=%s", number)
