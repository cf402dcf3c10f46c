"""A line small enough to stand in a sentence: how a figure went, day by day, as server-side SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from catalog import svg

MARGIN = 3  # half the last point, so that it is not cut off
FRAME = svg.Frame(width=160, height=32, left=MARGIN, right=MARGIN, top=MARGIN, bottom=MARGIN)


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
    width: int = FRAME.width
    height: int = FRAME.height

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
    figures = [figure for _, figure in known]
    across = FRAME.across(known[0][0].toordinal(), known[-1][0].toordinal())
    up = FRAME.up(min(figures), max(figures))
    positions = [(across.at(day.toordinal()), up.at(figure)) for day, figure in known]
    return Sparkline(
        points=svg.points(positions),
        end=positions[-1],
        first=known[0],
        last=known[-1],
        lowest=min(figures),
        highest=max(figures),
    )
