"""How a price came to be, told so that anybody can recompute it from what is shown.

    story = story_of(card, history=..., neighbours=..., notes=sheet.note_of, parameters=request.GET)
    render(request, "catalog/model/model.html", {"price_story": story, ...})

`templates/catalog/model/_price.html` shows it. Nothing here asks the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from catalog import price_history
from catalog.models import ModelCard, PriceChange
from catalog.numbers.formatting import exact
from catalog.pages import calculator
from catalog.pages import price_chart as chart
from catalog.pages.calculator import Bill, Month
from catalog.pages.price_chart import PriceChart
from catalog.pages.specs import Note
from catalog.pricing import Basis, Price
from catalog.pricing.formatting import images_for_usd

Notes = Mapping[str, Note]
# The slugs of the sources of the anchor's figures.
FIRST_PAGES, PROFILE = "original-page", "openclip-profile"

WORDS = {
    Basis.LAUNCH: "This is what an image costs: the price is set, and one that rises is announced"
    " 14 days ahead.",
    Basis.STATED: "The model's first page states this price as an estimate.",
    Basis.BENCHMARK: "An image costs what the hardware costs for the time it takes, over the share "
    "of time that the hardware is busy, plus a margin.",
    Basis.COMPUTE: "No page states a price for this model, so it follows from compute: an image "
    "costs as its compute stands to that of ViT-L/14. That is arithmetic, not a measurement.",
}


@dataclass(frozen=True)
class Input:
    """A figure of the formula: its value with its unit, and a footnote or words on its origin.

    `href` opens the origin; empty for an assumption of ours, which is explained nowhere else.
    """

    label: str
    value: str
    note: Note | None = None
    origin: str = ""
    href: str = ""


@dataclass(frozen=True)
class Formula:
    """`94,000 × 8.82 / 162.03` and the whole n$ that it comes to."""

    terms: str
    nano_usd: int
    unit: str

    @property
    def written(self) -> str:
        return f"{self.nano_usd:,} n$"


@dataclass(frozen=True)
class PriceStory:
    """All that the page's section on the price shows. `since` is None before it is on record."""

    price: Price
    words: str
    formulas: Sequence[Formula]
    inputs: Sequence[Input]
    since: datetime | None
    history: Sequence[PriceChange]
    chart: PriceChart | None
    month: Month
    bills: Sequence[Bill]
    next_price: Price | None = None
    next_price_at: datetime | None = None

    @property
    def images_for_a_usd(self) -> str:
        return images_for_usd(self.price, 1)

    @property
    def has_changed(self) -> bool:
        return len(self.history) > 1


def story_of(
    card: ModelCard,
    *,
    history: Sequence[PriceChange],
    neighbours: Sequence[ModelCard],
    notes: Notes | None = None,
    parameters: Mapping[str, str] | None = None,
) -> PriceStory | None:
    """The story of the card's price; None where no price is known.

    `history`: its price changes, the oldest first. `notes`: the datasheet's footnotes by field.
    `parameters`: the address's, for the calculator.
    """
    price, now = card.price, price_history.price_now(card)
    if price is None or now is None:
        return None
    month = Month.read(parameters or {})
    return PriceStory(
        price=price,
        words=WORDS[price.basis],
        formulas=_formulas(card, price),
        inputs=_inputs(card, price, notes or {}),
        since=history[-1].since if history and price_history.same(now, history[-1]) else None,
        history=history[::-1],
        chart=chart.of(history),
        month=month,
        bills=calculator.bills(card, neighbours, month),
        next_price=card.next_price,
        next_price_at=card.next_price_at,
    )


def _formulas(card: ModelCard, price: Price) -> list[Formula]:
    formulas = []
    inputs = {name: exact(value) for name, value in price.inputs.items()}
    if price.basis == Basis.COMPUTE:
        terms = "{anchor_nano_usd_per_image} × {image_gflops} / {anchor_gflops}".format(**inputs)
        formulas.append(Formula(terms, price.nano_usd_per_image, "per image"))
    if price.basis == Basis.BENCHMARK:
        terms = (
            "{hardware_usd_per_hour} × 1,000,000,000 / 3,600 / {images_per_s} / {utilisation}"
            " × (1 + {margin})"
        ).format(**inputs)
        formulas.append(Formula(terms, price.nano_usd_per_image, "per image"))
    if _token_follows_from_compute(price) and card.image_gflops and card.text_gflops:
        share = f"{exact(card.text_gflops)} / {exact(card.image_gflops)}"
        terms = f"{price.nano_usd_per_image:,} × {share} / {card.most_tokens}"
        formulas.append(Formula(terms, price.nano_usd_per_token, "per token"))
    return formulas


def _token_follows_from_compute(price: Price) -> bool:
    return price.nano_usd_per_token > 0 and price.basis != Basis.LAUNCH


def _inputs(card: ModelCard, price: Price, notes: Notes) -> list[Input]:
    return [*_of_image(price, notes), *_of_compute(card, price, notes)]


def _of_image(price: Price, notes: Notes) -> list[Input]:
    """What the price of an image rests on, but for the model's own compute."""
    inputs, image = price.inputs, f"{price.nano_usd_per_image:,} n$ per image"
    if price.basis == Basis.LAUNCH:
        text = f"{price.nano_usd_per_token:,} n$ per token"
        if price.nano_usd_per_text:
            text = f"{price.nano_usd_per_text:,} n$ per text"
        return [
            Input("price of images", image, origin="set by us", href="#timeline"),
            Input("price of new texts", text, origin="set by us, with it", href="#timeline"),
        ]
    if price.basis == Basis.STATED:
        note = notes.get("est_price_nano_usd_per_image")
        return [Input("stated price", image, note, "the model's first page", _page_of(FIRST_PAGES))]
    if price.basis == Basis.BENCHMARK:
        speed, cost = exact(inputs["images_per_s"]), exact(inputs["hardware_usd_per_hour"])
        return [
            Input("speed", f"{speed} images/s", origin="our last benchmark", href="#speed"),
            Input("hardware", f"${cost} per hour", origin="of that benchmark", href="#speed"),
            Input(
                "utilisation", exact(inputs["utilisation"]), origin="assumed: busy share of time"
            ),
            Input("margin", exact(inputs["margin"]), origin="assumed"),
        ]
    anchor, gflops = inputs["anchor_nano_usd_per_image"], inputs["anchor_gflops"]
    return [
        Input(
            "price of ViT-L/14",
            f"{exact(anchor)} n$ per image",
            origin="stated by its first page",
            href=_page_of(FIRST_PAGES),
        ),
        Input(
            "compute of ViT-L/14",
            f"{exact(gflops)} GFLOPs per image",
            origin="open_clip's model profile",
            href=_page_of(PROFILE),
        ),
    ]


def _page_of(source: str) -> str:
    return reverse("source", args=[source])


def _of_compute(card: ModelCard, price: Price, notes: Notes) -> list[Input]:
    """The model's own compute, as far as the formulas use it."""
    towers = []
    charges_tokens = _token_follows_from_compute(price)
    if card.image_gflops is not None and (price.basis == Basis.COMPUTE or charges_tokens):
        value = f"{exact(card.image_gflops)} GFLOPs per image"
        towers.append(Input("its image tower", value, notes.get("image_gflops")))
    if card.text_gflops and charges_tokens:
        value = f"{exact(card.text_gflops)} GFLOPs per text of {card.most_tokens} tokens"
        towers.append(Input("its text tower", value, notes.get("text_gflops")))
    return towers
