"""Geometry of the charts that templates draw as SVG: frames, scales, ticks and points.

frame = Frame(width=160, height=32, top=3, bottom=3)
up = frame.up(min(values), max(values))
points([(x, up.at(value)) for x, value in enumerate(values)])
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

# Half of each is whole, so that the line in the middle of an axis has a whole number, too.
NICE_STEPS = (2, 4, 6, 10)
MOST_DECADES = 9


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` laid out between two positions, linearly."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The position of a value, to a tenth of a unit: finer than a pixel, short in the page."""
        return round(self.start + self.share(value) * (self.end - self.start), 1)

    def share(self, value: float) -> float:
        if self.high == self.low:
            return 0.5  # what never changes runs through the middle
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class LogScale(Scale):
    """The same by logarithms: each doubling takes the same room. `low` is above 0."""

    def share(self, value: float) -> float:
        low, high = math.log(self.low), math.log(self.high)
        return (math.log(value) - low) / (high - low)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """An SVG's size and the margins around what is plotted, in the SVG's own units."""

    width: int
    height: int
    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    @property
    def floor(self) -> int:
        """Where the plot ends below: SVG counts y downwards."""
        return self.height - self.bottom

    def across(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.left, self.width - self.right)

    def across_by_log(self, low: float, high: float) -> LogScale:
        return LogScale(low, high, self.left, self.width - self.right)

    def up(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.floor, self.top)


def points(positions: Iterable[tuple[float, float]]) -> str:
    """What a polyline's `points` holds: `3.0,29.0 41.5,3.0`."""
    return " ".join(f"{x},{y}" for x, y in positions)


def log_ticks(low: float, high: float) -> list[int]:
    """1, 2, 5, 10, 20, 50 and so on, as far as they lie between the two.

    >>> log_ticks(3, 120)
    [5, 10, 20, 50, 100]
    """
    steps = (factor * 10**power for power in range(MOST_DECADES) for factor in (1, 2, 5))
    return [step for step in steps if low <= step <= high]


def ticks(low: float, high: float, *, step: int) -> list[int]:
    """The multiples of a step between two values.

    >>> ticks(48, 61.5, step=5)
    [50, 55, 60]
    """
    return list(range(math.ceil(low / step) * step, math.floor(high) + 1, step))


def nice_top(most: int) -> int:
    """The end of an axis that begins at 0: at least 2, not below the largest value.

    >>> [nice_top(most) for most in (0, 2, 3, 7, 11, 61)]
    [2, 2, 4, 10, 20, 100]
    """
    power = int(10 ** math.floor(math.log10(max(most, 1))))
    return next(step * power for step in NICE_STEPS if step * power >= most)
