"""The facts of models side by side: what differs first, and the better figure of a row marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from catalog.comparison.notes import Notes
from catalog.models import ModelCard
from catalog.numbers.formatting import accuracy, compact, exact, parameters
from catalog.pages.specs import Note, lines_of
from catalog.pricing.formatting import per_1k_or_estimate
from catalog.standing import serving
from catalog.standing.serving import Availability

# A figure to compare by: the number, and how it is written.
Figure = Callable[[ModelCard], float | int | Decimal | None]


@dataclass(frozen=True)
class Cell:
    """`text` is empty where the figure is unknown. `share`: percent of the row's largest figure."""

    text: str
    is_best: bool = False
    share: float | None = None
    note: Note | None = None


@dataclass(frozen=True)
class Row:
    """`detail` is a second line below the label."""

    label: str
    cells: Sequence[Cell]
    detail: str = ""

    @property
    def differs(self) -> bool:
        return len({cell.text for cell in self.cells}) > 1


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A row with a better and a worse: accuracy should be large, price and compute small.

    `field` is the card's field that has the source; "" where the figure is our own.
    """

    label: str
    figure: Figure
    write: Callable[[ModelCard], str]
    field: str = ""
    detail: str = ""
    small_is_better: bool = False

    def row(self, cards: Sequence[ModelCard], notes: Notes) -> Row:
        figures = [self.figure(card) for card in cards]
        cells = rated(figures, [self.write(card) for card in cards], self.small_is_better)
        cited = [
            replace(cell, note=notes.of_field(card, self.field) if cell.text else None)
            for card, cell in zip(cards, cells, strict=True)
        ]
        return Row(self.label, cited, detail=self.detail)


def rated(
    figures: Sequence[float | int | Decimal | None],
    texts: Sequence[str],
    small_is_better: bool = False,
) -> list[Cell]:
    """Cells with the best marked; an unknown figure neither wins nor has a bar."""
    known = [figure for figure in figures if figure is not None]
    best = (min if small_is_better else max)(known, default=None)
    largest = float(max(known, default=0)) or 1.0
    # Where all are equal nobody wins.
    has_winner = len(set(known)) > 1
    return [
        Cell(
            text,
            is_best=has_winner and figure == best,
            share=None if figure is None else round(100 * float(figure) / largest, 1),
        )
        for figure, text in zip(figures, texts, strict=True)
    ]


MEASURES = [
    Measure(
        label="ImageNet zero-shot",
        detail="top-1",
        field="imagenet_top1",
        figure=lambda card: card.imagenet_top1,
        write=lambda card: "" if card.imagenet_top1 is None else accuracy(card.imagenet_top1),
    ),
    Measure(
        label="compute",
        detail="GFLOPs per image",
        field="image_gflops",
        figure=lambda card: card.image_gflops,
        write=lambda card: "" if card.image_gflops is None else exact(card.image_gflops),
        small_is_better=True,
    ),
    Measure(
        label="price",
        detail="per 1,000 images; ~ estimated",
        figure=lambda card: card.price.nano_usd_per_image if card.price else None,
        write=lambda card: per_1k_or_estimate(card.price),
        small_is_better=True,
    ),
    Measure(
        label="parameters",
        field="parameters",
        figure=lambda card: card.parameters,
        write=lambda card: parameters(card.parameters),
        small_is_better=True,
    ),
    Measure(
        label="downloads",
        detail="per month",
        field="downloads_per_month",
        figure=lambda card: card.downloads_per_month,
        write=lambda card: compact(card.downloads_per_month),
    ),
]
MEASURED_LABELS = {"compute", "ImageNet zero-shot", "parameters"}


def measures_of(cards: Sequence[ModelCard], notes: Notes) -> list[Row]:
    """The rows that have a better and a worse, in a fixed order."""
    return [measure.row(cards, notes) for measure in MEASURES]


def specs_of(cards: Sequence[ModelCard], notes: Notes) -> list[Row]:
    """Status and the lines of the models' specs, those that differ first."""
    rows = [_status_row(cards), *_spec_rows(cards, notes)]
    # Sorting is stable, so each half keeps its order.
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


def _spec_rows(cards: Sequence[ModelCard], notes: Notes) -> list[Row]:
    """The lines of the models' specs, without those that are measures above."""
    lines = zip(*(lines_of(card) for card in cards), strict=True)
    return [
        Row(
            line[0].label,
            [
                Cell(
                    of_card.value,
                    note=notes.of_field(card, of_card.field) if of_card.value else None,
                )
                for card, of_card in zip(cards, line, strict=True)
            ],
        )
        for line in lines
        if line[0].label not in MEASURED_LABELS
    ]
