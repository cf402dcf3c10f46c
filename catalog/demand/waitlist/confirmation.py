"""A link to confirm: what it is good for, and its use."""

from dataclasses import dataclass, replace
from enum import Enum

from django.db.models import Q
from django.db.models.functions import Now

from catalog.demand import subscribers
from catalog.demand.waitlist import links
from catalog.models import WaitlistEntry

# By the clock that noted the request, whichever machine answers.
IN_TIME = Q(requested_at__gt=Now() - links.CONFIRM_LINK_LIVES)


class LinkState(Enum):
    OPEN = "open"
    WAITING = "waiting"  # confirmed already
    LEFT = "left"
    EXPIRED = "expired"
    REPLACED = "replaced"  # by a newer one, or the entry is deleted
    UNKNOWN = "unknown"  # not signed by us


@dataclass(frozen=True)
class Link:
    """A confirmation link as it stands; `is_new`: this very call has confirmed it."""

    state: LinkState
    entry: WaitlistEntry | None = None
    is_new: bool = False


def look_up(token: str) -> Link:
    try:
        links.check(token)
    except links.BadLink:
        return Link(LinkState.UNKNOWN)
    entries = WaitlistEntry.objects.filter(token_sha256=links.hash_of(token))
    entry = entries.select_related("card", "subscriber").first()
    if entry is None:
        return Link(LinkState.REPLACED)
    return Link(_state(entry, is_in_time=entries.filter(IN_TIME).exists()), entry)


def _state(entry: WaitlistEntry, *, is_in_time: bool) -> LinkState:
    if entry.left_at:
        return LinkState.LEFT
    if entry.confirmed_at:
        return LinkState.WAITING
    return LinkState.OPEN if is_in_time else LinkState.EXPIRED


def confirm(token: str) -> Link:
    """Put whoever holds the link on the waitlist: once, in time, and not after they have left."""
    link = look_up(token)
    if link.state is not LinkState.OPEN:
        return link
    entries = WaitlistEntry.objects.filter(token_sha256=links.hash_of(token))
    # Asked again in the UPDATE: since the look-up they may have left, or clicked twice.
    confirmed = entries.unconfirmed().filter(IN_TIME).update(confirmed_at=Now())
    if confirmed:
        subscribers.resubscribe(entries)
    return replace(look_up(token), is_new=bool(confirmed))
