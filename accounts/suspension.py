"""Suspending an account, and taking that back: its owner is told why, and nothing is deleted.

    suspend      nobody gets in, keys stop, nothing new is held or run; what is open is canceled
    reinstate    all of it as before: sessions, keys, credit

NotSuspendable    there is no such account any more, or it is closed in another way
"""

import logging
from importlib import import_module
from typing import Protocol, cast

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts import credits
from accounts.models import User

log = logging.getLogger(__name__)


class NotSuspendable(Exception):
    pass


class Work(Protocol):
    """A module that does something for people; `settings.SUSPENSION` lists them."""

    def end_work(self, user: User) -> int:
        """Cancel what is open, uncharged; how much that was. May be called again."""


def suspend(person: User, *, reason: str) -> int:
    """Returns how many jobs were open, and are canceled now. Raises NotSuspendable.

    A second call replaces the reason, and cancels what a first one that died has left.
    """
    with transaction.atomic():
        # The person before the wallet: a submission that holds the wallet needs no lock of this.
        suspendable = User.objects.filter(Q(is_active=True) | ~Q(suspension_reason=""))
        if not suspendable.filter(pk=person.pk).update(
            is_active=False, suspension_reason=reason, suspended_at=Now()
        ):
            raise NotSuspendable("That account is closed already.")
        credits.set_frozen(person, is_frozen=True)
    # After the commit: what was being submitted has ended by now, or is refused.
    ended = sum(module.end_work(person) for module in _modules())
    log.info("account suspended user=%s jobs=%d", person.pk, ended)
    return ended


@transaction.atomic
def reinstate(person: User) -> bool:
    """False: it is not suspended."""
    suspended = User.objects.filter(pk=person.pk).exclude(suspension_reason="")
    if not suspended.update(is_active=True, suspension_reason="", suspended_at=None):
        return False
    credits.set_frozen(person, is_frozen=False)
    log.info("account reinstated user=%s", person.pk)
    return True


def _modules() -> list[Work]:
    # A module is such work, which no type can say of one that is named in the settings.
    return [cast(Work, import_module(name)) for name in settings.SUSPENSION]
