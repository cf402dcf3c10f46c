"""A price over time as a line of steps, for a small server-side SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import PriceChange
from catalog.svg import Frame

FRAME = Frame(width=320, height=64, top=4, bottom=4)
# Two prices say more as two lines of a table.
FEWEST = 3


@dataclass(frozen=True)
class PriceChart:
    """What `_price_chart.html` draws: an SVG path in its own units, and the two extremes in n$."""

    path: str
    lowest: int
    highest: int
    width: int = FRAME.width
    height: int = FRAME.height


def of(history: Sequence[PriceChange]) -> PriceChart | None:
    """The chart of prices, the oldest first; None for fewer than three."""
    if len(history) < FEWEST:
        return None
    prices = [change.nano_usd_per_image for change in history]
    ages_s = [(change.since - history[0].since).total_seconds() for change in history]
    # The last price goes on to the right edge: a tenth of the width is its own.
    across = FRAME.across(0, ages_s[-1] * 1.1 or 1.0)
    up = FRAME.up(min(prices), max(prices))
    start, *steps = [
        (across.at(age_s), up.at(price)) for age_s, price in zip(ages_s, prices, strict=True)
    ]
    line = " ".join(f"H{x} V{y}" for x, y in steps)
    path = f"M{start[0]} {start[1]} {line} H{FRAME.width}"
    return PriceChart(path, min(prices), max(prices))
