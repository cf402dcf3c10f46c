"""Waiting for a model: join, confirm, leave; and who is at which position."""

from catalog.demand.waitlist.leaving import CAN_UNDO, leave, leave_at_once, undo, undo_entry
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
    own_entries,
    purge,
    subscriber_at,
)
from catalog.demand.waitlist.positions import (
    best_position,
    position_of,
    size_of,
    waiting_for,
    with_positions,
)

__all__ = [
    "CAN_UNDO",
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
    "leave_at_once",
    "own_entries",
    "position_of",
    "purge",
    "size_of",
    "subscriber_at",
    "undo",
    "undo_entry",
    "waiting_for",
    "with_positions",
]
