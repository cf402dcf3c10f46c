"""What a bar chart is made of, in the SVG's own units; the template only writes it down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from catalog.svg import Frame

# Narrow, so that letters stay readable where a phone shows it as wide as the page.
FRAME = Frame(width=360, height=170, left=52, right=4, top=10, bottom=24)

Format = Callable[[int], str]


@dataclass(frozen=True)
class Bar:
    """A rectangle; `words` is its tooltip."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Series:
    """Bars of one kind; `number` is 1 for the filled ones, 2 for those in outline."""

    number: int
    name: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class BarChart:
    """What `admin/_bar_chart.html` draws; `label` tells all of it in a sentence or two."""

    title: str
    label: str
    series: Sequence[Series]
    lines: Sequence[Text] = ()
    below: Sequence[Text] = ()
    names: Sequence[Text] = ()
    figures: Sequence[Text] = ()
    width: int = FRAME.width
    height: int = FRAME.height
