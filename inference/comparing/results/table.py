"""The table: a row a photo, a column a model, disagreements first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median

from django.utils import timezone

from catalog.numbers.formatting import duration
from catalog.pricing.formatting import per_1k_or_estimate
from inference.comparing import columns as stored_columns
from inference.comparing.columns import Column
from inference.comparing.results import cells as answers
from inference.comparing.results.accuracy import Accuracy, Confusion, Pair, compare, confusions
from inference.comparing.results.cells import Cell
from inference.models import NONE_OF_THE_LABELS, ComparedPhoto, Comparison, State, Worker

NONE_OF_THESE = "none of the labels"
# An upload that has brought nothing for so long has stopped.
RECEIVING_FOR = timedelta(seconds=45)


@dataclass(frozen=True)
class Row:
    """`truth` is the right label in words; "" while nobody has said. `column_count` is that of the
    table: a photo that is just arriving has not all of its cells yet.
    """

    photo: ComparedPhoto
    cells: Sequence[Cell]
    truth: str
    column_count: int

    @property
    def gaps(self) -> range:
        return range(len(self.cells), self.column_count)

    @property
    def labels(self) -> list[str]:
        """What was answered, each once: what a click can call right."""
        return list(dict.fromkeys(cell.label for cell in self.cells if cell.label))

    @property
    def is_open(self) -> bool:
        return any(cell.is_open for cell in self.cells)

    @property
    def is_split(self) -> bool:
        return len(self.labels) > 1

    @property
    def has_preview(self) -> bool:
        # Each job that succeeds leaves a small copy.
        return bool(self.labels)


@dataclass(frozen=True)
class Summary:
    """A column over all photos: what stands in its head. `label` is its name, and no other's."""

    number: int
    label: str
    column: Column
    cells: Sequence[Cell]
    accuracy: Accuracy
    confusions: Sequence[Confusion]
    is_served: bool

    @property
    def answered(self) -> int:
        return sum(cell.state == State.SUCCEEDED for cell in self.cells)

    @property
    def open(self) -> int:
        return sum(cell.is_open for cell in self.cells)

    @property
    def failed(self) -> int:
        return len(self.cells) - self.answered - self.open

    @property
    def time(self) -> str:
        times = [cell.ms for cell in self.cells if cell.ms is not None]
        return duration(median(times)) if times else ""

    @property
    def price(self) -> str:
        if self.column.card and self.column.card.is_stand_in:
            return "free"
        return per_1k_or_estimate(self.column.card.price if self.column.card else None)

    @property
    def sees(self) -> int | None:
        return next((cell.image_size for cell in self.cells if cell.image_size), None)

    @property
    def is_sigmoid(self) -> bool:
        return any(cell.predictions and cell.activation.value == "sigmoid" for cell in self.cells)


@dataclass(frozen=True)
class Table:
    comparison: Comparison
    rows: Sequence[Row]
    summaries: Sequence[Summary]
    now: datetime

    @cached_property
    def split(self) -> list[Row]:
        return [row for row in self.rows if row.is_split]

    @cached_property
    def waiting(self) -> list[Row]:
        return [row for row in self.rows if row.is_open and not row.is_split]

    @cached_property
    def agreed(self) -> list[Row]:
        rest = (row for row in self.rows if not row.is_open and not row.is_split)
        return [row for row in rest if row.labels]

    @cached_property
    def unanswered(self) -> list[Row]:
        """No picture, or nobody has answered and nobody will."""
        return [row for row in self.rows if not row.is_open and not row.labels]

    @property
    def answered(self) -> int:
        return sum(summary.answered for summary in self.summaries)

    @property
    def asked(self) -> int:
        """Answers that were asked for; also those of photos that are still on their way."""
        coming = self.missing_photos * len(self.summaries) if self.is_receiving else 0
        return coming + sum(len(row.cells) for row in self.rows)

    @property
    def ended(self) -> int:
        return sum(not cell.is_open for row in self.rows for cell in row.cells)

    @property
    def known_truths(self) -> int:
        return sum(bool(row.truth) for row in self.rows)

    @property
    def cost_micro_usd(self) -> int:
        return sum(cell.cost_micro_usd for row in self.rows for cell in row.cells)

    @property
    def missing_photos(self) -> int:
        if self.comparison.canceled_at:
            return 0
        return max(self.comparison.admitted_photos - len(self.rows), 0)

    @property
    def is_receiving(self) -> bool:
        """Whether photos that were announced are probably still on their way."""
        last = max([self.comparison.created_at, *(row.photo.created_at for row in self.rows)])
        return bool(self.missing_photos) and self.now - last < RECEIVING_FOR

    @property
    def is_open(self) -> bool:
        return self.is_receiving or any(row.is_open for row in self.rows)

    @cached_property
    def pairs(self) -> list[Pair]:
        if not self.known_truths:
            return []
        names = [summary.label for summary in self.summaries]
        rights = [
            # A photo that is just arriving has not all of its cells yet.
            [row.cells[n].is_right if n < len(row.cells) else None for row in self.rows]
            for n in range(len(names))
        ]
        return compare(names, rights)


def read(comparison: Comparison, *, predictions: int = 2) -> Table:
    columns = stored_columns.of(comparison)
    cells = answers.read(comparison, predictions=predictions)
    photos = comparison.photos.order_by("name", "position")
    rows = [_row(photo, cells.get(photo.pk, []), comparison) for photo in photos]
    served = Worker.objects.served_repos()
    summaries = [
        _summary(number, column, label, rows, is_served=column.repo in served)
        for number, (column, label) in enumerate(zip(columns, distinct_names(columns), strict=True))
    ]
    return Table(comparison, rows, summaries, timezone.now())


def distinct_names(columns: Sequence[Column]) -> list[str]:
    """The models' names, with their prompts where one model stands in several columns."""
    names = [column.name for column in columns]
    return [
        name if names.count(name) == 1 else f"{name} ({column.prompt_words})"
        for name, column in zip(names, columns, strict=True)
    ]


def _row(photo: ComparedPhoto, cells: Sequence[Cell], comparison: Comparison) -> Row:
    column_count = len(comparison.columns)
    if photo.truth is None:
        return Row(photo, cells, "", column_count)
    is_none = photo.truth == NONE_OF_THE_LABELS
    truth = NONE_OF_THESE if is_none else comparison.labels[photo.truth]
    judged = [
        replace(cell, is_right=cell.label == truth and not is_none) if cell.label else cell
        for cell in cells
    ]
    return Row(photo, judged, truth, column_count)


def _summary(
    number: int, column: Column, label: str, rows: Sequence[Row], *, is_served: bool
) -> Summary:
    # A photo that is no picture has no cells, and is nobody's mistake.
    own = [(row, row.cells[number]) for row in rows if number < len(row.cells)]
    judged = [(row, cell) for row, cell in own if cell.is_right is not None]
    return Summary(
        number=number,
        label=label,
        column=column,
        cells=[cell for _, cell in own],
        accuracy=Accuracy(sum(bool(cell.is_right) for _, cell in judged), len(judged)),
        confusions=confusions([(row.truth, cell.label) for row, cell in judged]),
        is_served=is_served,
    )
