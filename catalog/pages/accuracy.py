"""The measured accuracy of a model page: figures by what their datasets are about.

    groups = accuracy.groups_of(card.evaluations.all(), sheet)

`templates/catalog/model/_accuracy.html` shows them. Nothing here asks the database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Evaluation, datasets
from catalog.models.datasets import Subject
from catalog.pages.specs import Note, Sheet

PLAIN_METRIC = "zero-shot top-1"
# Below this many percent, guessing is no rival worth a word.
CHANCE_WORTH_SHOWING = 10


@dataclass(frozen=True)
class Figure:
    """One measurement and its footnote. `metric` is empty where it is the page's usual one."""

    dataset: str
    metric: str
    percent: Decimal
    chance: float | None
    note: Note

    @property
    def shows_chance(self) -> bool:
        return self.chance is not None and self.chance >= CHANCE_WORTH_SHOWING


@dataclass(frozen=True)
class Group:
    """The figures of one subject. `is_open`: shown before anybody unfolds it."""

    subject: Subject
    figures: Sequence[Figure]
    is_open: bool

    @property
    def lowest(self) -> Decimal:
        return min(figure.percent for figure in self.figures)

    @property
    def highest(self) -> Decimal:
        return max(figure.percent for figure in self.figures)


def groups_of(evaluations: Iterable[Evaluation], sheet: Sheet) -> list[Group]:
    """In the order of `Subject` and, inside one, of `DATASETS`: it is the same on all pages."""
    figures: dict[Subject, list[Figure]] = {subject: [] for subject in Subject}
    for row in sorted(evaluations, key=lambda row: datasets.order(row.dataset)):
        figures[row.subject].append(_figure(row, sheet))
    filled = {subject: rows for subject, rows in figures.items() if rows}
    return [
        Group(subject, rows, is_open=subject == Subject.OVERALL or len(filled) == 1)
        for subject, rows in filled.items()
    ]


def _figure(row: Evaluation, sheet: Sheet) -> Figure:
    metric = "" if row.metric == PLAIN_METRIC else row.metric
    note = sheet.note_at[row.source_id, row.read_on]
    return Figure(row.dataset, metric, row.value, row.chance, note)
