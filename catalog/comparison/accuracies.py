"""Accuracy of models side by side, dataset by dataset: where they differ most comes first.

    table = accuracies.table_of(cards, notes)
    table.differing, table.others     # rows to show, and rows to fold
    table.sources                     # each model's usual source; other ones stand in their cells

The cards have their `evaluations` with their sources fetched: nothing here asks the database.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from catalog.accuracy_chart.axes import MEAN_OF_38
from catalog.comparison.facts import Cell, Row, rated
from catalog.comparison.notes import Notes
from catalog.models import Evaluation, ModelCard, datasets
from catalog.numbers.formatting import accuracy
from catalog.pages.accuracy import CHANCE_WORTH_SHOWING, PLAIN_METRIC
from catalog.pages.specs import Note

SHOWN = 12

# A dataset and how it is scored: only figures of one metric can be compared.
Test = tuple[str, str]
# By the card's primary key.
Results = Mapping[int, Evaluation]


@dataclass(frozen=True)
class Table:
    """`sources` has one entry a model: its usual source, None for a model without results."""

    differing: Sequence[Row]
    others: Sequence[Row]
    sources: Sequence[Note | None]

    def __bool__(self) -> bool:
        return bool(self.differing)


def table_of(cards: Sequence[ModelCard], notes: Notes) -> Table:
    """All datasets but the mean, which `mean_row` shows, by the range of the models' figures."""
    tests = [(test, results) for test, results in _tests(cards).items() if test[0] != MEAN_OF_38]
    tests.sort(key=lambda pair: (-_range(pair[1]), datasets.order(pair[0][0])))
    rows = [_row(test, results, cards, notes) for test, results in tests]
    sources = [_usual(row.cells[column] for row in rows) for column in range(len(cards))]
    rows = [_without(row, sources) for row in rows]
    return Table(rows[:SHOWN], rows[SHOWN:], sources)


def mean_row(cards: Sequence[ModelCard], notes: Notes) -> Row | None:
    """The mean over all 38 datasets; None where no model states it."""
    for test, results in _tests(cards).items():
        if test[0] == MEAN_OF_38:
            return replace(
                _row(test, results, cards, notes), label="mean of 38 datasets", detail=""
            )
    return None


def _tests(cards: Sequence[ModelCard]) -> dict[Test, Results]:
    """One result a model for each test: of several sources the one that most of them share."""
    rows: dict[Test, list[Evaluation]] = defaultdict(list)
    for card in cards:
        for row in card.evaluations.all():
            rows[row.dataset, row.metric].append(row)
    return {test: _comparable(found) for test, found in rows.items()}


def _comparable(rows: Sequence[Evaluation]) -> Results:
    shared = Counter(row.source_id for row in rows)
    results: dict[int, Evaluation] = {}
    for row in sorted(rows, key=lambda row: -shared[row.source_id]):
        results.setdefault(row.card_id, row)
    return results


def _range(results: Results) -> float:
    values = [float(row.value) for row in results.values()]
    # What only one model states differs from nothing.
    return max(values) - min(values) if len(values) > 1 else -1.0


def _row(test: Test, results: Results, cards: Sequence[ModelCard], notes: Notes) -> Row:
    found = [results.get(card.pk) for card in cards]
    cells = rated(
        [row.value if row else None for row in found],
        [accuracy(row.value) if row else "" for row in found],
    )
    cited = [
        replace(
            cell,
            share=float(row.value) if row else None,  # of 100 %, not of the best
            note=notes.of_row(row) if row else None,
        )
        for cell, row in zip(cells, found, strict=True)
    ]
    return Row(test[0], cited, detail=_detail(test))


def _detail(test: Test) -> str:
    dataset, metric = test
    chance = datasets.find(dataset).chance or 0
    parts = [
        "" if metric == PLAIN_METRIC else metric,
        f"chance {chance:g} %" if chance >= CHANCE_WORTH_SHOWING else "",
    ]
    return "; ".join(filter(None, parts))


def _usual(cells: Iterable[Cell]) -> Note | None:
    notes = Counter(cell.note for cell in cells if cell.note)
    return notes.most_common(1)[0][0] if notes else None


def _without(row: Row, sources: Sequence[Note | None]) -> Row:
    """The row without footnotes that its columns' sources say already."""
    cells = [
        replace(cell, note=None) if cell.note == source else cell
        for cell, source in zip(row.cells, sources, strict=True)
    ]
    return replace(row, cells=cells)
