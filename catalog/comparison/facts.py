"""Models side by side: what differs first, and the better figure of a row marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import ModelCard
from catalog.numbers.formatting import compact
from catalog.pages.specs import lines_of
from catalog.pricing.formatting import per_1k_or_estimate
from catalog.standing import serving
from catalog.standing.serving import Availability

MOST = 4

# A figure to compare by: the number, and how it is written.
Figure = Callable[[ModelCard], float | int | Decimal | None]


@dataclass(frozen=True)
class Cell:
    text: str
    is_best: bool = False


@dataclass(frozen=True)
class Row:
    label: str
    cells: Sequence[Cell]

    @property
    def differs(self) -> bool:
        return len({cell.text for cell in self.cells}) > 1


@dataclass(frozen=True)
class Measure:
    """A row with a better and a worse: accuracy should be large, price and compute small."""

    label: str
    figure: Figure
    write: Callable[[ModelCard], str]
    small_is_better: bool = False

    def row(self, cards: Sequence[ModelCard]) -> Row:
        figures = [self.figure(card) for card in cards]
        known = [figure for figure in figures if figure is not None]
        best = (min if self.small_is_better else max)(known, default=None)
        # Where all are equal nobody wins.
        has_winner = len(set(known)) > 1
        return Row(
            self.label,
            [
                Cell(self.write(card), is_best=has_winner and figure == best)
                for card, figure in zip(cards, figures, strict=True)
            ],
        )


MEASURES = [
    Measure(
        "ImageNet zero-shot",
        lambda card: card.imagenet_top1,
        lambda card: "" if card.imagenet_top1 is None else f"{card.imagenet_top1:.1f} %",
    ),
    Measure(
        "compute, GFLOP an image",
        lambda card: card.image_gflops,
        lambda card: "" if card.image_gflops is None else f"{card.image_gflops:g}",
        small_is_better=True,
    ),
    Measure(
        "price of 1,000 images (~ estimated)",
        lambda card: card.price.micro_usd_per_image if card.price else None,
        lambda card: per_1k_or_estimate(card.price),
        small_is_better=True,
    ),
    Measure(
        "downloads a month",
        lambda card: card.downloads_per_month,
        lambda card: compact(card.downloads_per_month),
    ),
]
MEASURED_LABELS = {"compute", "ImageNet zero-shot"}


def rows_of(cards: Sequence[ModelCard]) -> list[Row]:
    rows = [_status_row(cards)]
    rows += [measure.row(cards) for measure in MEASURES]
    rows += _spec_rows(cards)
    # What differs comes first; sorting is stable, so each half keeps its order.
    return sorted(rows, key=lambda row: not row.differs)


def _status_row(cards: Sequence[ModelCard]) -> Row:
    # Workers are looked up only where one of them could answer.
    is_open = any(card.status.is_callable for card in cards)
    served = serving.served_repos() if is_open else set()
    return Row("status", [Cell(_status(card, card.repo in served)) for card in cards])


def _status(card: ModelCard, is_served: bool) -> str:
    availability = serving.availability_of(card, is_served=is_served)
    no_worker = f", {availability}" if availability is Availability.NO_WORKER else ""
    return f"{card.status.public_label}{no_worker}"


def _spec_rows(cards: Sequence[ModelCard]) -> list[Row]:
    """The lines of the models' specs, without those that are measures above."""
    lines = zip(*(lines_of(card) for card in cards), strict=True)
    return [
        Row(line[0].label, [Cell(of_card.value) for of_card in line])
        for line in lines
        if line[0].label not in MEASURED_LABELS
    ]
