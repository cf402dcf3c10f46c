"""A line small enough to stand in a sentence: how a figure went, day by day.

Plain geometry for a server-side SVG, as in `catalog.finding.chart`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 160, 32
MARGIN = 3  # half the last point, so that it is not cut off


@dataclass(frozen=True)
class Sparkline:
    """What `_sparkline.html` draws: nothing for fewer than two values.

    `points` are the SVG's "x,y x,y ..."; `end` is the last of them.
    """

    points: str
    end: tuple[float, float]
    first: tuple[date, int]
    last: tuple[date, int]
    lowest: int
    highest: int
    width: int = WIDTH
    height: int = HEIGHT

    def __bool__(self) -> bool:
        return bool(self.points)


NOTHING = Sparkline("", (0, 0), (date.min, 0), (date.min, 0), 0, 0)


def of(values: Sequence[tuple[date, int]]) -> Sparkline:
    """The line through the values, oldest first; days without one leave their room empty.

    >>> of([(date(2026, 1, 1), 10), (date(2026, 1, 2), 20), (date(2026, 1, 5), 10)]).points
    '3.0,29.0 41.5,3.0 157.0,29.0'
    >>> bool(of([(date(2026, 1, 1), 10)]))
    False
    """
    known = sorted(values)
    if len(known) < 2 or known[0][0] == known[-1][0]:
        return NOTHING
    lowest = min(value for _, value in known)
    highest = max(value for _, value in known)
    points = [_point(day, value, known=known, low=lowest, high=highest) for day, value in known]
    return Sparkline(
        points=" ".join(f"{x},{y}" for x, y in points),
        end=points[-1],
        first=known[0],
        last=known[-1],
        lowest=lowest,
        highest=highest,
    )


def _point(
    day: date, value: int, *, known: Sequence[tuple[date, int]], low: int, high: int
) -> tuple[float, float]:
    """A line that never moved runs through the middle."""
    days = (day - known[0][0]).days / (known[-1][0] - known[0][0]).days
    share = (value - low) / (high - low) if high > low else 0.5
    x = MARGIN + days * (WIDTH - 2 * MARGIN)
    y = HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)
    return round(x, 1), round(y, 1)
