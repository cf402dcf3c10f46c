"""What a month would cost: one model beside its neighbours, in whole micro-dollars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.models import ModelCard
from catalog.numbers import parsing
from catalog.numbers.money import format_usd
from catalog.pricing import Price

DEFAULT_IMAGES = 100_000
MOST = 10**12
LONGEST = 40


@dataclass(frozen=True)
class Month:
    images: int = DEFAULT_IMAGES
    tokens: int = 0
    complaint: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "Month":
        """`images=2.5M&tokens=100k`; what makes no sense gives way to the default, and says so."""
        images = _whole(parameters.get("images", ""), least=1, default=DEFAULT_IMAGES)
        tokens = _whole(parameters.get("tokens", ""), least=0, default=0)
        complaints = []
        if images is None:
            complaints.append(
                f"Images are counted from 1 to {MOST:,} a month, as in 250000, 100k or 2.5M: "
                f"here are {DEFAULT_IMAGES:,}."
            )
        if tokens is None:
            complaints.append(f"Text tokens are counted from 0 to {MOST:,} a month: here are none.")
        return cls(images or DEFAULT_IMAGES, tokens or 0, " ".join(complaints))

    @property
    def images_written(self) -> str:
        return f"{self.images:,}"

    @property
    def tokens_written(self) -> str:
        return f"{self.tokens:,}"


@dataclass(frozen=True)
class Bill:
    """One model's month. `share` is its bar: percent of the dearest."""

    name: str
    address: str
    micro_usd: int
    share: float
    is_this: bool
    counts_tokens: bool

    @property
    def usd(self) -> str:
        return format_usd(self.micro_usd)


def bills(card: ModelCard, neighbours: Sequence[ModelCard], month: Month) -> list[Bill]:
    """The month on this model and on those neighbours that have a price, the cheapest first."""
    others = [neighbour for neighbour in neighbours if neighbour.repo != card.repo]
    priced = [(model, price) for model in (card, *others) if (price := model.price)]
    costs = [(_cost(price, month), model, price) for model, price in priced]
    dearest = max((cost for cost, _, _ in costs), default=0)
    return [
        Bill(
            name=model.name,
            address=model.get_absolute_url(),
            micro_usd=cost,
            share=_percent(cost, dearest),
            is_this=model is card,
            counts_tokens=bool(price.nano_usd_per_token) or not month.tokens,
        )
        for cost, model, price in sorted(costs, key=lambda c: (c[0], c[1] is not card, c[1].repo))
    ]


def _cost(price: Price, month: Month) -> int:
    return price.micro_usd_for(images=month.images, tokens=month.tokens)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _whole(text: str, *, least: int, default: int) -> int | None:
    """A whole number within the limits; the default for none given, None for nonsense."""
    if not text.strip():
        return default
    number = parsing.parse(text[:LONGEST])
    if number is None or number != number.to_integral_value() or not least <= number <= MOST:
        return None
    return int(number)
