"""Another price for a model that people call: announced, and in force from a date on.

Jobs keep the prices that they were admitted with: a job's row holds its unit prices.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now

from accounts.staff.model_desk import notices
from accounts.staff.model_desk.notices import DeskRefused, Instruction, Locked
from catalog import price_history
from catalog.models import ModelCard, ModelNotice, NoticeKind, NoticeState, Stage
from catalog.pricing import Price

log = logging.getLogger(__name__)

NOTICE = timedelta(days=14)
KIND = NoticeKind.PRICE
NOTHING_NEXT = {
    "next_price_nano_usd_per_image": None,
    "next_price_nano_usd_per_token": None,
    "next_price_at": None,
}


@dataclass(frozen=True)
class Terms:
    """Unit prices in nano-dollars. `at`: from when on; None: at once, for a price that falls."""

    nano_usd_per_image: int
    nano_usd_per_token: int
    at: datetime | None = None


def rises(card: ModelCard, terms: Terms) -> bool:
    """Whether some request would cost more than it does now."""
    price = card.price
    if price is None:
        return True
    text_now = _most_per_text(card, price)
    return (
        terms.nano_usd_per_image > price.nano_usd_per_image
        or terms.nano_usd_per_token * card.most_tokens > text_now
    )


def _most_per_text(card: ModelCard, price: Price) -> int:
    # Where a text has one price whatever its length, a token may cost as much as fills the context.
    return price.nano_usd_per_text + price.nano_usd_per_token * card.most_tokens


def announce(card: ModelCard, terms: Terms, instruction: Instruction) -> ModelNotice:
    """Set the next price and its date, or change what was announced. Raises DeskRefused."""
    with transaction.atomic():
        locked = notices.lock(card.pk, KIND, instruction)
        _check(locked, terms)
        notice = notices.record(
            locked, instruction, _notice(terms, locked.now), goes_on=_only_waits(locked, terms)
        )
        if terms.at is None:
            _apply(locked.card, notice)
        else:
            ModelCard.objects.filter(pk=card.pk).update(
                next_price_nano_usd_per_image=terms.nano_usd_per_image,
                next_price_nano_usd_per_token=terms.nano_usd_per_token,
                next_price_at=terms.at,
                changed_at=Now(),
            )
    card.refresh_from_db()
    return notice


def _notice(terms: Terms, now: datetime) -> ModelNotice:
    return ModelNotice(
        kind=KIND,
        effective_at=terms.at or now,
        nano_usd_per_image=terms.nano_usd_per_image,
        nano_usd_per_token=terms.nano_usd_per_token,
    )


def _check(locked: Locked, terms: Terms) -> None:
    """Raises DeskRefused."""
    card, price = locked.card, locked.card.price
    if card.status not in (Stage.LIVE, Stage.DEPRECATED):
        raise DeskRefused(
            f"{card.repo} is in {card.status.label}. Its price is set by the launch; only a live"
            " or deprecated model's changes here."
        )
    if terms.at is not None and terms.at <= locked.now:
        raise DeskRefused("That date has passed. Choose one that is still to come.")
    if price and _units(terms) == (price.nano_usd_per_image, price.nano_usd_per_token):
        raise DeskRefused("These are the prices that it has now.")
    is_early = terms.at is None or terms.at < locked.now + NOTICE
    if is_early and rises(card, terms) and not _is_milder(locked.notice, terms):
        raise DeskRefused(
            f"A price that rises is announced {NOTICE.days} days ahead. Choose a later date."
        )


def _units(terms: Terms) -> tuple[int, int]:
    return terms.nano_usd_per_image, terms.nano_usd_per_token


def _is_milder(old: ModelNotice | None, terms: Terms) -> bool:
    """Whether people were told of no less a price, and of no later a date."""
    if old is None or terms.at is None or terms.at < old.effective_at:
        return False
    image, token = old.nano_usd_per_image or 0, old.nano_usd_per_token or 0
    return terms.nano_usd_per_image <= image and terms.nano_usd_per_token <= token


def _only_waits(locked: Locked, terms: Terms) -> bool:
    old = locked.notice
    if old is None or terms.at is None or terms.at < old.effective_at:
        return False
    return _units(terms) == (old.nano_usd_per_image, old.nano_usd_per_token)


def take_back(card: ModelCard, instruction: Instruction) -> None:
    """The price stays as it is. Raises DeskRefused."""
    with transaction.atomic():
        locked = notices.lock(card.pk, KIND, instruction)
        if locked.notice is None:
            raise DeskRefused("There is no price change to take back.")
        notices.end(locked.notice, NoticeState.WITHDRAWN)
        notices.drop_unsent(locked.notice)
        ModelCard.objects.filter(pk=card.pk).update(changed_at=Now(), **NOTHING_NEXT)
    card.refresh_from_db()
    log.info("price change taken back model=%s by=%s", card.repo, instruction.by.pk)


def apply_due() -> int:
    """Put in force the prices whose date has come; how many."""
    due = ModelNotice.objects.filter(kind=KIND, state=NoticeState.OPEN, effective_at__lte=Now())
    return sum(_apply_if_due(card_id) for card_id in due.values_list("card_id", flat=True))


@transaction.atomic
def _apply_if_due(card_id: int) -> bool:
    locked = notices.lock_card(card_id, KIND)
    notice = locked.notice
    if notice is None or notice.effective_at > locked.now:
        return False
    _apply(locked.card, notice)
    return True


def _apply(card: ModelCard, notice: ModelNotice) -> None:
    """The card's price, its history and the notice, in the caller's transaction."""
    ModelCard.objects.filter(pk=card.pk).update(
        launch_price_nano_usd_per_image=notice.nano_usd_per_image,
        launch_price_nano_usd_per_token=notice.nano_usd_per_token,
        launch_price_nano_usd_per_text=None,
        changed_at=Now(),
        **NOTHING_NEXT,
    )
    price_history.record(card)
    notices.end(notice, NoticeState.DONE)
    log.info("price changed model=%s notice=%s", card.repo, notice.pk)
