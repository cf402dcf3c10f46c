"""Measured speed of models side by side: a row for each machine on which one of them was run."""

from collections.abc import Sequence
from dataclasses import replace

from catalog.comparison.facts import Row, rated
from catalog.comparison.notes import Notes
from catalog.models import Benchmark, ModelCard
from catalog.numbers.formatting import exact
from catalog.pages.benchmarks import BenchmarkStory


def rows_of(cards: Sequence[ModelCard], notes: Notes) -> list[Row]:
    """Photos a second, JPEG to vector, of the latest run of each model on each machine."""
    latest = (
        Benchmark.objects.filter(card__in=cards)
        .exclude(dtype="int8")  # on purpose another answer, and not what others are measured with
        .order_by("hardware", "card", "-measured_at", "-pk")
        .distinct("hardware", "card")
    )
    machines: dict[str, dict[int, Benchmark]] = {}
    for run in latest:
        machines.setdefault(run.hardware, {})[run.card_id] = run
    return [_row(hardware, runs, cards, notes) for hardware, runs in machines.items()]


def _row(
    hardware: str, runs: dict[int, Benchmark], cards: Sequence[ModelCard], notes: Notes
) -> Row:
    found = [runs.get(card.pk) for card in cards]
    speeds = [BenchmarkStory.of(run).images_per_s or None if run else None for run in found]
    cells = rated(
        speeds, [f"{exact(round(speed, 1))} images/s" if speed else "" for speed in speeds]
    )
    cited = [
        replace(
            cell,
            note=notes.cite(
                f"gigarouter's benchmark of {card.name}",
                f"{card.get_absolute_url()}#speed",
                run.measured_at.date(),
            )
            if run and cell.text
            else None,
        )
        for cell, card, run in zip(cells, cards, found, strict=True)
    ]
    return Row("measured speed", cited, detail=f"JPEG to vector, on {hardware}")
