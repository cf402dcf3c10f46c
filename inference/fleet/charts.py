"""The fleet's page as pictures: plain geometry for server-side SVGs, no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.svg import Frame
from inference.fleet.snapshot import FleetSnapshot, ModelStatus, Percentiles

FRAME = Frame(width=720, height=140, left=48, top=12, bottom=20)
WIDEST_COLUMN = 72.0
COLUMN_SHARE = 0.8  # of the room it has; the rest parts it from the next


@dataclass(frozen=True)
class Curve:
    """Images/s minute by minute: an area's path, the highest figure and where it lies."""

    path: str
    highest: float
    total: int
    width: int = FRAME.width
    height: int = FRAME.height
    floor: int = FRAME.floor
    top: int = FRAME.top


@dataclass(frozen=True)
class Column:
    """One column of the batch sizes: where it stands, how high it is, what it counts."""

    x: float
    y: float
    width: float
    height: float
    at_most: int
    count: int

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class Span:
    """From half to 95 of 100, in percent of the longest on the page."""

    start: float
    width: float
    percentiles: Percentiles


@dataclass(frozen=True)
class Row:
    """A model's row of the table, with its bars."""

    model: ModelStatus
    queue_share: float
    wait: Span | None
    run: Span | None


def curve_of(fleet: FleetSnapshot) -> Curve:
    figures = fleet.images_per_s
    highest = max(figures, default=0.0)
    across, up = FRAME.across(0, max(len(figures) - 1, 1)), FRAME.up(0, highest or 1)
    line = " ".join(f"L{across.at(n)} {up.at(figure)}" for n, figure in enumerate(figures))
    path = f"M{FRAME.left} {FRAME.floor} {line} L{FRAME.width} {FRAME.floor}Z"
    return Curve(path, highest, round(sum(figures) * 60))


def columns_of(fleet: FleetSnapshot) -> list[Column]:
    if not fleet.batches:
        return []
    counts = dict(fleet.batches)
    sizes = [2**power for power in range(int(math.log2(max(counts))) + 1)]
    room = min((FRAME.width - FRAME.left) / len(sizes), WIDEST_COLUMN)
    up = FRAME.up(0, max(counts.values()))
    return [
        Column(
            x=round(FRAME.left + index * room, 1),
            y=up.at(counts.get(size, 0)),
            width=round(room * COLUMN_SHARE, 1),
            height=round(FRAME.floor - up.at(counts.get(size, 0)), 1),
            at_most=size,
            count=counts.get(size, 0),
        )
        for index, size in enumerate(sizes)
    ]


def rows_of(fleet: FleetSnapshot) -> list[Row]:
    longest_queue = max((model.queued for model in fleet.models), default=0)
    waits = [model.last_10_minutes.wait for model in fleet.models if model.last_10_minutes]
    runs = [model.last_10_minutes.run for model in fleet.models if model.last_10_minutes]
    longest_wait, longest_run = _longest(waits), _longest(runs)
    return [
        Row(
            model,
            queue_share=100 * model.queued / longest_queue if longest_queue else 0.0,
            wait=_span(model.last_10_minutes.wait if model.last_10_minutes else None, longest_wait),
            run=_span(model.last_10_minutes.run if model.last_10_minutes else None, longest_run),
        )
        for model in fleet.models
    ]


def _longest(percentiles: Sequence[Percentiles | None]) -> float:
    return max((each.p95_s for each in percentiles if each), default=0.0)


def _span(percentiles: Percentiles | None, longest_s: float) -> Span | None:
    if percentiles is None or not longest_s:
        return None
    start = 100 * percentiles.p50_s / longest_s
    width = max(100 * (percentiles.p95_s - percentiles.p50_s) / longest_s, 1.0)
    return Span(round(min(start, 99.0), 1), round(width, 1), percentiles)
