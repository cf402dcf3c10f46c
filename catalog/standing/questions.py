"""A page's questions: first those whose answers follow the model's stage, workers and price, made
anew for each page; then those that its file answers, which no launch can make untrue.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.models import ModelCard, Question, Stage
from catalog.numbers.formatting import exact
from catalog.pricing import Basis, Price
from catalog.pricing.formatting import images_for_usd, per_1k
from catalog.standing.serving import Availability

WAITING = (
    "Not yet: it is coming soon, at the stage “{stage}”. To get it sooner, vote for it and join its"
    " waitlist. The roadmap counts both and says how the next model is chosen. Sign in for free"
    " credit to spend once it is live."
)
ANSWERS = {
    Availability.ANSWERS: "Yes: it answers in the playground, free and without an account, and by"
    " the API with a key and credit.",
    Availability.NO_WORKER: "It is open to calls, but no worker serves it at the moment. By the API"
    " a call with “Prefer: respond-async” waits for one; any other is answered 503, and costs"
    " nothing.",
    Availability.RETIRED: "No. It is no longer served; its page stays for reference.",
}
STAGE_NOTES = {
    "preview": " It is a preview, and may still change.",
    "deprecated": " It is deprecated, and will be retired.",
}
ESTIMATES = {
    Basis.STATED: "The model's first page states it as an estimate.",
    Basis.BENCHMARK: "It is our estimate from a measurement of its speed.",
    Basis.COMPUTE: "It is our estimate from compute, in proportion to ViT-L/14's:"
    " {gflops} GFLOPs per image against 162.03.",
}


@dataclass(frozen=True)
class Answered:
    question: str
    answer: str


def questions_of(
    card: ModelCard, rows: Iterable[Question], *, availability: Availability
) -> list[Answered]:
    """All questions of the page, in order. The stand-in is nothing to wait for, nor for sale."""
    written = [Answered(row.question, row.answer) for row in rows]
    return written if card.is_stand_in else [_liveness(card, availability), _cost(card), *written]


def _liveness(card: ModelCard, availability: Availability) -> Answered:
    if availability is Availability.COMING_SOON:
        answer = WAITING.format(stage=card.status.label)
        return Answered("Is it live, and how do I get it sooner?", answer)
    instead = f" Use {card.use_instead.name} instead." if card.use_instead else ""
    note = STAGE_NOTES.get(card.stage, "")
    return Answered("Is it live?", f"{ANSWERS[availability]}{note}{instead}")


def _cost(card: ModelCard) -> Answered:
    price = card.price
    if price is None:
        return Answered("What does it cost?", f"No price is known for it yet.{_outlook(card)}")
    if not price.is_estimate:
        return Answered(
            "What does it cost?", f"{_figure(price)} A higher price is announced 14 days ahead."
        )
    return Answered("What will it cost?", _estimate(card, price))


def _estimate(card: ModelCard, price: Price) -> str:
    basis = ESTIMATES[price.basis].format(gflops=exact(card.image_gflops or 0))
    return f"About {_figure(price)} {basis}{_outlook(card)}"


def _outlook(card: ModelCard) -> str:
    is_launched = card.status.is_callable and card.status is not Stage.PREVIEW
    return "" if is_launched else " The price is set at launch."


def _figure(price: Price) -> str:
    images = images_for_usd(price, 1)
    return f"{per_1k(price)} per 1,000 images" + (
        f", which is {images} images for a dollar." if images else "."
    )
