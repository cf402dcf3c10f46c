"""A model's shutdown: deprecated from the announcement on, retired on the date."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now

from accounts.staff.model_desk import notices
from accounts.staff.model_desk.notices import DeskRefused, Instruction, Locked
from catalog import stages
from catalog.models import ModelCard, ModelNotice, NoticeKind, NoticeState, Stage

log = logging.getLogger(__name__)

NOTICE = timedelta(days=30)
KIND = NoticeKind.SHUTDOWN


@dataclass(frozen=True)
class Terms:
    """`is_urgent`: the operator knows that people get less than NOTICE."""

    at: datetime
    successor: ModelCard | None = None
    is_urgent: bool = False


def announce(card: ModelCard, terms: Terms, instruction: Instruction) -> ModelNotice:
    """Set the date, or move it. Raises DeskRefused."""
    with transaction.atomic():
        locked = notices.lock(card.pk, KIND, instruction)
        _check(locked, terms)
        if locked.card.status is Stage.LIVE:
            stages.move(locked.card, Stage.DEPRECATED, reason=instruction.reason, by=instruction.by)
        ModelCard.objects.filter(pk=card.pk).update(
            shutdown_at=terms.at, successor=terms.successor, changed_at=Now()
        )
        old = locked.notice
        notice = notices.record(
            locked,
            instruction,
            ModelNotice(kind=KIND, effective_at=terms.at),
            goes_on=old is not None and terms.at >= old.effective_at,
        )
    card.refresh_from_db()
    return notice


def _check(locked: Locked, terms: Terms) -> None:
    """Raises DeskRefused."""
    card, old = locked.card, locked.notice
    if card.status not in (Stage.LIVE, Stage.DEPRECATED):
        raise DeskRefused(
            f"{card.repo} is in {card.status.label}. Only a live or deprecated model gets a"
            " shutdown date."
        )
    if terms.at <= locked.now:
        raise DeskRefused("That date has passed. Choose one that is still to come.")
    gives_time = old is not None and terms.at >= old.effective_at
    if terms.at < locked.now + NOTICE and not (gives_time or terms.is_urgent):
        raise DeskRefused(
            f"People are promised {NOTICE.days} days. Choose a later date, or tick that this"
            " shutdown can't wait and say why in the reason."
        )
    new = terms.successor
    if new is not None and (new.pk == card.pk or not _stays(new)):
        raise DeskRefused("The successor has to be another model that can be called and stays.")


def _stays(card: ModelCard) -> bool:
    return card.status.is_callable and not card.status.is_leaving


def take_back(card: ModelCard, instruction: Instruction) -> None:
    """The model stays, live as before. Raises DeskRefused."""
    with transaction.atomic():
        locked = notices.lock(card.pk, KIND, instruction)
        if locked.notice is None or locked.card.status is not Stage.DEPRECATED:
            raise DeskRefused("There is no shutdown date to take back.")
        notices.end(locked.notice, NoticeState.WITHDRAWN)
        notices.drop_unsent(locked.notice)
        ModelCard.objects.filter(pk=card.pk).update(shutdown_at=None)
        stages.move(locked.card, Stage.LIVE, reason=instruction.reason, by=instruction.by)
    card.refresh_from_db()
    log.info("shutdown taken back model=%s by=%s", card.repo, instruction.by.pk)


def retire_due() -> int:
    """Retire the models whose date has come; how many."""
    due = ModelNotice.objects.filter(kind=KIND, state=NoticeState.OPEN, effective_at__lte=Now())
    return sum(_retire_or_log(card_id) for card_id in due.values_list("card_id", flat=True))


def _retire_or_log(card_id: int) -> bool:
    try:
        return _retire(card_id)
    except stages.MoveRefused:
        # Somebody has changed the card's row by hand: the other models still leave on their dates.
        log.exception("model cannot be retired on its date card=%s", card_id)
        return False


@transaction.atomic
def _retire(card_id: int) -> bool:
    locked = notices.lock_card(card_id, KIND)
    notice = locked.notice
    # Another round was faster, or somebody has moved the date meanwhile.
    if notice is None or notice.effective_at > locked.now:
        return False
    reason = f"shut down as announced on {notice.created_at:%d %B %Y}".replace(" 0", " ")
    stages.move(locked.card, Stage.RETIRED, reason=reason)
    notices.end(notice, NoticeState.DONE)
    log.info("model retired on its date model=%s", locked.card.repo)
    return True
