"""A price over time as a line of steps, for a small server-side SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import PriceChange

WIDTH, HEIGHT, EDGE = 320, 64, 4
# Two prices say more as two lines of a table.
FEWEST = 3


@dataclass(frozen=True)
class PriceChart:
    """What `_price_chart.html` draws: an SVG path in its own units, and the two extremes in µ$."""

    path: str
    lowest: int
    highest: int
    width: int = WIDTH
    height: int = HEIGHT


def of(history: Sequence[PriceChange]) -> PriceChart | None:
    """The chart of prices, the oldest first; None for fewer than three."""
    if len(history) < FEWEST:
        return None
    prices = [change.micro_usd_per_image for change in history]
    days = [(change.since - history[0].since).total_seconds() for change in history]
    # The last price goes on to the right edge: a tenth of the width is its own.
    end = days[-1] * 1.1 or 1.0
    xs = [round(WIDTH * day / end, 1) for day in days]
    ys = [_y(price, min(prices), max(prices)) for price in prices]
    steps = [f"H{x} V{y}" for x, y in zip(xs[1:], ys[1:], strict=True)]
    return PriceChart(f"M{xs[0]} {ys[0]} {' '.join(steps)} H{WIDTH}", min(prices), max(prices))


def _y(price: int, lowest: int, highest: int) -> float:
    share = (price - lowest) / (highest - lowest) if highest > lowest else 0.5
    return round(HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE), 1)
