"""The two pages of the desk as data: what each shows, and what its form and button do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.staff.launches.readiness import Check, State
from accounts.staff.model_desk import letters, notices, price_change, shutdown
from accounts.staff.model_desk.forms import AnnouncementForm, PriceForm, ShutdownForm
from catalog.models import Mail, MailState, ModelCard, ModelNotice, NoticeKind, Stage
from catalog.pricing.formatting import per_1k_exactly, texts_at

MOST_ROWS = 20


@dataclass(frozen=True)
class DeskPage:
    """`field` is the card's, as the admin's history names it."""

    kind: NoticeKind
    url_name: str
    title: str
    field: str
    form: type[AnnouncementForm]
    take_back: Callable[[ModelCard, notices.Instruction], None]
    initial: Callable[[ModelCard], dict[str, Any]]  # Any: of each field its own kind


def _of_shutdown(card: ModelCard) -> dict[str, Any]:
    return {"at": card.shutdown_at, "successor": card.successor}


def _of_price(card: ModelCard) -> dict[str, Any]:
    price = card.next_price or card.price
    if price is None:
        return {}
    return {
        "usd_per_1k_images": price.usd_per_1k_images,
        "usd_per_1m_tokens": price.usd_per_1m_tokens,
        "at": card.next_price_at,
    }


SHUTDOWN = DeskPage(
    NoticeKind.SHUTDOWN,
    "model_shutdown",
    "Shut down",
    "shutdown_at",
    ShutdownForm,
    shutdown.take_back,
    _of_shutdown,
)
PRICE = DeskPage(
    NoticeKind.PRICE,
    "model_price",
    "Price of",
    "price",
    PriceForm,
    price_change.take_back,
    _of_price,
)


@dataclass(frozen=True)
class Plan:
    """What an announcement of a moment ago would have done, had it not been taken back."""

    notice: ModelNotice
    words: str
    mails: int


def words_of(notice: ModelNotice) -> str:
    """`$0.094 per 1,000 images, $0.10 per million tokens from 2026-12-24 12:00 UTC`."""
    when = f"{notice.effective_at:%Y-%m-%d %H:%M} UTC"
    if notice.kind == NoticeKind.SHUTDOWN:
        return when
    price = letters.price_of(notice)
    return f"{per_1k_exactly(price)} per 1,000 images, texts {texts_at(price)}, from {when}"


def checks(card: ModelCard, open_notice: ModelNotice | None) -> list[Check]:
    people = letters.recent_callers(card).count()
    return [
        _stage(card),
        _announced(open_notice),
        _price(card),
        Check("recent callers", State.DONE, f"{people} called it within 90 days."),
    ]


def is_possible(card: ModelCard) -> bool:
    return card.status in (Stage.LIVE, Stage.DEPRECATED)


def _stage(card: ModelCard) -> Check:
    if is_possible(card):
        return Check("stage", State.DONE, f"In {card.status.label}.")
    detail = f"In {card.status.label}; people call a model that is live or deprecated."
    return Check("stage", State.BLOCKED, detail)


def _announced(notice: ModelNotice | None) -> Check:
    if notice is None:
        return Check("announced", State.DONE, "Nothing yet.")
    return Check("announced", State.DOUBT, f"{words_of(notice)}. What you announce replaces it.")


def _price(card: ModelCard) -> Check:
    if card.price is None:
        return Check("price now", State.DOUBT, "None is known.")
    detail = f"{per_1k_exactly(card.price)} per 1,000 images, texts {texts_at(card.price)}."
    return Check("price now", State.DONE, detail)


@dataclass(frozen=True)
class PastNotice:
    """A notice and its mail, for the list at the end of the page."""

    notice: ModelNotice
    words: str
    sent: int
    waiting: int


def past(card: ModelCard, kind: NoticeKind) -> list[PastNotice]:
    rows = card.notices.filter(kind=kind).select_related("by")[:MOST_ROWS]
    return [_past(notice) for notice in rows]


def _past(notice: ModelNotice) -> PastNotice:
    # Mail is kept for a month; who was mailed before is in the log.
    states = list(
        Mail.objects.filter(key__startswith=notices.letter_key(notice)).values_list(
            "state", flat=True
        )
    )
    return PastNotice(
        notice,
        words_of(notice),
        sent=states.count(MailState.SENT),
        waiting=states.count(MailState.WAITING),
    )
