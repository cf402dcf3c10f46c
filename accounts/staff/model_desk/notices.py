"""What both kinds of notice share: the card's lock, the notice in force, and what replaces it.

The card's row is locked before its notices. All times are compared by the database's clock.

DeskRefused    the operator may not do this, or not so; the message says what to do
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Now

from accounts.models import User
from catalog.models import Mail, ModelCard, ModelNotice, NoticeKind, NoticeState


class DeskRefused(Exception):
    """Nothing has changed."""


@dataclass(frozen=True)
class Instruction:
    """Who does it and why. `seen`: the open notice that they looked at; None: there was none."""

    by: User
    reason: str
    seen: int | None


@dataclass(frozen=True)
class Locked:
    """A card that nobody else changes until the transaction ends, and what is announced of it."""

    card: ModelCard
    notice: ModelNotice | None
    now: datetime


def open_notice(card: ModelCard, kind: NoticeKind) -> ModelNotice | None:
    return ModelNotice.objects.filter(card=card, kind=kind, state=NoticeState.OPEN).first()


def lock(card_id: int, kind: NoticeKind, instruction: Instruction) -> Locked:
    """Raises DeskRefused if another operator was faster than the one who looked at `seen`."""
    locked = lock_card(card_id, kind)
    if (locked.notice and locked.notice.pk) != instruction.seen:
        raise DeskRefused(
            "Somebody else has changed it since you opened this page, so nothing was done. Look at"
            " what is announced now, then decide again."
        )
    return locked


def lock_card(card_id: int, kind: NoticeKind) -> Locked:
    card = ModelCard.objects.select_for_update(no_key=True).get(pk=card_id)
    # After the lock: whoever waited for it must not compare with a time of before.
    now: datetime = ModelCard.objects.filter(pk=card_id).values_list(Now(), flat=True).get()
    return Locked(card, open_notice(card, kind), now)


def end(notice: ModelNotice, state: NoticeState) -> None:
    ModelNotice.objects.filter(pk=notice.pk).update(state=state, ended_at=Now())


def record(
    locked: Locked, instruction: Instruction, notice: ModelNotice, *, goes_on: bool
) -> ModelNotice:
    """Put a notice in the place of the open one.

    `goes_on`: it only gives people more time, so that whoever has a mail gets no other.
    """
    notice.card, notice.by, notice.reason = locked.card, instruction.by, instruction.reason
    old = locked.notice
    if old is not None:
        end(old, NoticeState.REPLACED)
        is_all_sent = drop_unsent(old) == 0
        if goes_on:
            notice.letter, notice.letter_since = old.letter, old.letter_since
            notice.notified_at = old.notified_at if is_all_sent else None
    notice.save()
    return notice


def drop_unsent(notice: ModelNotice) -> int:
    """Take back the mails of a notice that is no longer true; how many nobody had tried to send."""
    unsent = Mail.objects.waiting().filter(
        key__startswith=letter_key(notice), attempt_count=0, is_bulk=True
    )
    return unsent.delete()[0]


def letter_key(notice: ModelNotice) -> str:
    return f"notice:{notice.letter}:"
