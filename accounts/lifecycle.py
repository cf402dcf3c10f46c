"""The verbs of having an account: onboard, export, delete."""

from datetime import timedelta

from accounts import erasure, gifts
from accounts.erasure import HasAdminHistory, has_admin_history
from accounts.models import User
from accounts.sign_in import addresses
from catalog.demand import subscribers, votes
from catalog.infrastructure.retention import Budget, Retention

__all__ = ["UNCONFIRMED", "HasAdminHistory", "delete", "export", "has_admin_history", "onboard"]

UNCONFIRMED_KEPT_FOR = timedelta(days=7)
# Who asked for a code and never typed it: it may have been somebody else's address.
UNCONFIRMED = Retention(
    "unconfirmed people", addresses.unconfirmed_people, "date_joined", UNCONFIRMED_KEPT_FOR
)
WITHOUT_END = Budget(float("inf"))


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
    for section in erasure.sections():
        everything |= section.export(user)
    return everything


def delete(user: User) -> None:
    """For good, and to the end, where nobody waits for it: `manage.py delete_person`.

    The ledger's lines stay, and name nobody. Raises HasAdminHistory.
    """
    erasure.request(user)
    erasure.run(user.pk, WITHOUT_END)
