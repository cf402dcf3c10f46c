"""The free credit of a new account, and what it buys at today's prices: for pages, in words."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import F

from catalog.models import ModelCard


@dataclass(frozen=True)
class Offer:
    """`images`: how many it buys on the card, by a price that may be an estimate; None: unpriced.

    `valid_days`: how long the credit lasts.
    """

    micro_usd: int
    valid_days: int
    card: ModelCard | None = None
    images: int | None = None
    is_estimate: bool = False


def welcome_offer(card: ModelCard | None = None) -> Offer | None:
    """What signing up gives, in images of this model, else of `OFFER_MODEL`.

    None: the site gives no welcome credit.
    """
    micro_usd = settings.FREE_CREDIT_MICRO_USD
    if not micro_usd:
        return None
    shown = card or _chosen()
    price = shown.price if shown else None
    if price is None or not price.nano_usd_per_image:
        return Offer(micro_usd, settings.WELCOME_CREDIT_DAYS)
    images = price.images_for(micro_usd)
    return Offer(micro_usd, settings.WELCOME_CREDIT_DAYS, shown, images, price.is_estimate)


def _chosen() -> ModelCard | None:
    """The operator's choice if it has a price, else the most used model that has one."""
    by_downloads = F("downloads_per_month").desc(nulls_last=True)
    cards = ModelCard.objects.real().written().defer("about", "search_text")
    priced = [card for card in cards.order_by(by_downloads, "repo") if _is_priced(card)]
    named = (card for card in priced if card.repo == settings.OFFER_MODEL)
    return next(named, next(iter(priced), None))


def _is_priced(card: ModelCard) -> bool:
    return bool(card.price and card.price.nano_usd_per_image)
