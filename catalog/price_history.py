"""What a model has cost: each price with the day since when it is valid, and its story in words."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from catalog.models import ModelCard, ModelCardQuerySet, PriceChange
from catalog.pricing import Basis, Price

# All that `ModelCard.price` reads.
PRICED_BY = [
    "launch_price_nano_usd_per_image",
    "launch_price_nano_usd_per_token",
    "launch_price_nano_usd_per_text",
    "est_price_nano_usd_per_image",
    "measured_images_per_s",
    "measured_usd_per_hour",
    "image_gflops",
    "text_gflops",
    "context_length",
]


def record(card: ModelCard) -> PriceChange | None:
    """Write down the card's price if it is not the last one written. None: nothing to write."""
    return next(iter(_write([card.pk])), None)


def record_all() -> int:
    """Do the same for every card; how many prices are new. Two queries when none is."""
    changed = _unwritten(ModelCard.objects.only(*PRICED_BY))
    return len(_write([change.card_id for change in changed])) if changed else 0


def history_of(card: ModelCard) -> list[PriceChange]:
    return list(card.price_changes.all())


@transaction.atomic
def _write(card_ids: Sequence[int]) -> list[PriceChange]:
    # Whoever comes second waits for the cards' locks, and then finds the price written.
    cards = ModelCard.objects.only(*PRICED_BY).filter(pk__in=card_ids).order_by("pk")
    return PriceChange.objects.bulk_create(_unwritten(cards.select_for_update(no_key=True)))


def _unwritten(cards: ModelCardQuerySet) -> list[PriceChange]:
    """The prices of those cards whose last price on record is another, or is missing."""
    # The cards first: they may have to be waited for, and their last prices only count after that.
    known = list(cards)
    last = _last_prices(card.pk for card in known)
    prices = [change for card in known if (change := price_now(card))]
    return [change for change in prices if not same(change, last.get(change.card_id))]


def _last_prices(card_ids: Iterable[int]) -> dict[int, PriceChange]:
    changes = PriceChange.objects.filter(card_id__in=list(card_ids))
    last = changes.order_by("card_id", "-since", "-pk").distinct("card_id")
    return {change.card_id: change for change in last}


def prices_at(cards: Iterable[ModelCard], moment: datetime) -> dict[int, Price | None]:
    """What each of these cost then, by its id; what it costs now where no set price is on record.

    For what was accepted then and is run now. One query.
    """
    now = {card.pk: card.price for card in cards}
    changes = PriceChange.objects.filter(
        card_id__in=list(now), since__lte=moment, basis=Basis.LAUNCH
    )
    last = changes.order_by("card_id", "-since", "-pk").distinct("card_id")
    then = {change.card_id: _price_of(change) for change in last}
    return now | then


def _price_of(change: PriceChange) -> Price:
    return Price(
        change.nano_usd_per_image,
        change.nano_usd_per_token,
        Basis(change.basis),
        change.inputs,
        change.nano_usd_per_text,
    )


def price_now(card: ModelCard) -> PriceChange | None:
    price = card.price
    if price is None:
        return None
    return PriceChange(
        card=card,
        nano_usd_per_image=price.nano_usd_per_image,
        nano_usd_per_token=price.nano_usd_per_token,
        nano_usd_per_text=price.nano_usd_per_text,
        basis=price.basis,
        inputs=dict(price.inputs),
    )


def same(one: PriceChange, other: PriceChange | None) -> bool:
    return other is not None and _essence(one) == _essence(other)


def _essence(change: PriceChange) -> tuple[object, ...]:
    return (
        change.nano_usd_per_image,
        change.nano_usd_per_token,
        change.nano_usd_per_text,
        str(change.basis),
        change.inputs,
    )
