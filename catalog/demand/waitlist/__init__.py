"""Waiting for a model: join, confirm, leave; and who is at which position."""

from catalog.demand.waitlist.operations import (
    CONSENT,
    CONSENTS,
    UNCONFIRMED,
    Closed,
    NotConfirmed,
    confirm_own,
    entries_of,
    is_open,
    join,
    join_by_mail,
    leave,
    own_entries,
    purge,
    subscriber_at,
    unsubscribe,
)
from catalog.demand.waitlist.positions import (
    best_position,
    position_of,
    size_of,
    waiting_for,
    with_positions,
)

__all__ = [
    "CONSENT",
    "CONSENTS",
    "UNCONFIRMED",
    "Closed",
    "NotConfirmed",
    "best_position",
    "confirm_own",
    "entries_of",
    "is_open",
    "join",
    "join_by_mail",
    "leave",
    "own_entries",
    "position_of",
    "purge",
    "size_of",
    "subscriber_at",
    "unsubscribe",
    "waiting_for",
    "with_positions",
]
