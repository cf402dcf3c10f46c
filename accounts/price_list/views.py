"""Every price on one page, and what is never charged."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.price_list.market import ANCHORS
from catalog.models import ModelCard, Stage
from catalog.page_cache import cache_for_anonymous
from catalog.pricing import Price
from catalog.pricing.batch import BATCH_DISCOUNT_PERCENT
from catalog.pricing.formatting import exact_usd, per_1k_exactly, rounded_usd, texts_at

EXAMPLE_IMAGES, EXAMPLE_LABELS, EXAMPLE_TOKENS = 1_000, 10, 70


@dataclass(frozen=True)
class Line:
    """One price and the models that have it, as the table writes them.

    Models of one architecture do the same work, so many prices are equal.
    """

    price: Price
    cards: tuple[ModelCard, ...]

    @property
    def images(self) -> str:
        return per_1k_exactly(self.price)

    @property
    def images_in_batch(self) -> str:
        return exact_usd(self.price.usd_per_1k_images * (100 - BATCH_DISCOUNT_PERCENT) / 100)

    @property
    def texts(self) -> str:
        if not self.price.is_whole:
            return ""
        if self.price.nano_usd_per_token:
            return exact_usd(self.price.usd_per_1m_tokens)
        return texts_at(self.price)


@dataclass(frozen=True)
class Example:
    """What a first job costs: images against labels that are new to the account."""

    card: ModelCard
    images: int
    labels: int
    tokens: int
    micro_usd: int
    again_micro_usd: int

    @property
    def texts_micro_usd(self) -> int:
        return self.micro_usd - self.again_micro_usd


@require_safe
@cache_for_anonymous
def price_list(request: HttpRequest) -> HttpResponse:
    lines = _lines()
    context = {
        "launched": [line for line in lines if not line.price.is_estimate],
        "estimated": [line for line in lines if line.price.is_estimate],
        "coming": [card for line in lines for card in line.cards if card.next_price],
        "anchors": [(anchor, _written(anchor.usd_per_1k_images)) for anchor in ANCHORS],
        "batch_discount_percent": BATCH_DISCOUNT_PERCENT,
        "example": _example(lines),
        "takes_payments": settings.STRIPE_SECRET_KEY != "",
    }
    return render(request, "accounts/price_list.html", context)


def _lines() -> list[Line]:
    """The cheapest first. One query."""
    cards = ModelCard.objects.real().exclude(stage=Stage.RETIRED).defer("about", "search_text")
    priced = [(card.price, card) for card in cards if card.price]
    priced.sort(key=lambda pair: (*_charged(pair[0]), pair[1].name.casefold()))
    groups = groupby(priced, key=lambda pair: _charged(pair[0]))
    lists = (list(pairs) for _, pairs in groups)
    return [Line(pairs[0][0], tuple(card for _, card in pairs)) for pairs in lists]


def _charged(price: Price) -> tuple[int, int, int, bool]:
    """All that the table says of a price: models that agree in it share a line."""
    return (
        price.nano_usd_per_image,
        price.nano_usd_per_token,
        price.nano_usd_per_text,
        price.is_estimate,
    )


def _written(usd_per_1k_images: Decimal | None) -> str:
    return "" if usd_per_1k_images is None else rounded_usd(usd_per_1k_images)


def _example(lines: list[Line]) -> Example | None:
    """On the model of the offer on the other pages, else on any that charges for texts."""
    whole = [
        (card, line.price) for line in lines if line.price.nano_usd_per_token for card in line.cards
    ]
    named = (pair for pair in whole if pair[0].repo == settings.OFFER_MODEL)
    pair = next(named, next(iter(whole), None))
    if pair is None:
        return None
    card, price = pair
    return Example(
        card,
        EXAMPLE_IMAGES,
        EXAMPLE_LABELS,
        EXAMPLE_TOKENS,
        price.micro_usd_for(images=EXAMPLE_IMAGES, tokens=EXAMPLE_TOKENS),
        price.micro_usd_for(images=EXAMPLE_IMAGES),
    )
