"""The accuracy-compute chart: where each model lies, and which ones nothing beats at their cost.

Plain geometry for a server-side SVG: no script, and every point is a link.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Max, Q, RowRange, Window
from django.db.models.functions import RowNumber

from catalog.models import ModelCard, ModelCardQuerySet

WIDTH, HEIGHT = 960, 320
LABEL_HEIGHT, LETTER_WIDTH = 16, 7.5
# Models trained on tiny samples, for research, reach a few percent: they would press all others
# into one line.
LOWEST_TOP1 = 50
# More points hide each other, and a page has to carry them.
MOST_POINTS = 200
LEFT, RIGHT, TOP, BOTTOM = 48, 24, 24, 40


@dataclass(frozen=True)
class Point:
    """One model in the SVG's units; `label` is empty where there is no room for one."""

    x: float
    y: float
    address: str
    name: str
    gflops: float
    top1: float
    is_on_frontier: bool
    label: str = ""

    @property
    def words(self) -> str:
        """`openai/clip-vit-base-patch32: 63.3 % at 8.8 GFLOP`."""
        gflops = f"{self.gflops:.1f}".removesuffix(".0")
        return f"{self.name}: {self.top1:.1f} % at {gflops} GFLOP"


@dataclass(frozen=True)
class Tick:
    """A line of an axis: where it lies, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """What `_chart.html` draws."""

    points: Sequence[Point]
    frontier: str
    across: Sequence[Tick]
    down: Sequence[Tick]
    left_out: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Scale:
    """From figures to the SVG's units: GFLOP on a logarithmic axis, accuracy on a plain one."""

    gflops: tuple[float, float]
    top1: tuple[float, float]

    @classmethod
    def around(cls, cards: Sequence[ModelCard]) -> "Scale":
        gflops = [gflops_of(card) for card in cards]
        top1 = [top1_of(card) for card in cards]
        return cls((min(gflops) * 0.8, max(gflops) * 1.2), (min(top1) - 2, max(top1) + 3))

    def x(self, gflops: float) -> float:
        low, high = map(math.log, self.gflops)
        share = (math.log(gflops) - low) / (high - low)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, top1: float) -> float:
        low, high = self.top1
        return round(HEIGHT - BOTTOM - (top1 - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)


def gflops_of(card: ModelCard) -> float:
    return card.image_gflops or 0.0


def top1_of(card: ModelCard) -> float:
    return card.imagenet_top1 or 0.0


def chart_of(cards: ModelCardQuerySet) -> Chart | None:
    """The chart of the cards whose two figures are known; None for fewer than two."""
    known = list(_worth_drawing(cards))
    if len(known) < 2:
        return None
    scale = Scale.around(known)
    best = frontier(known)
    labelled = _with_room_for_labels(best, scale)
    points = [_point(card, scale, best=best, labelled=labelled) for card in known]
    # Drawn last, so that the frontier's points lie on top.
    points.sort(key=lambda point: point.is_on_frontier)
    return Chart(
        points,
        frontier=" ".join(f"{point.x},{point.y}" for point in _by_compute(points)),
        across=_across(scale),
        down=_down(scale),
        left_out=getattr(known[0], "known") - len(known),  # noqa: B009  an annotation
    )


def _worth_drawing(cards: ModelCardQuerySet) -> ModelCardQuerySet:
    """The most accurate, and what nothing beats at its cost, each with how many are `known`."""
    cheapest_first = [F("image_gflops").asc(), F("imagenet_top1").desc(), F("repo").asc()]
    cheaper = RowRange(end=-1)
    return (
        cards.filter(image_gflops__gt=0, imagenet_top1__gte=LOWEST_TOP1)
        .only("repo", "image_gflops", "imagenet_top1")
        .annotate(
            known=Window(Count("*")),
            rank=Window(RowNumber(), order_by=[F("imagenet_top1").desc(), F("repo").asc()]),
            to_beat=Window(Max("imagenet_top1"), order_by=cheapest_first, frame=cheaper),
        )
        .filter(
            Q(rank__lte=MOST_POINTS) | Q(to_beat__isnull=True) | Q(imagenet_top1__gt=F("to_beat"))
        )
    )


def _point(
    card: ModelCard, scale: Scale, *, best: Sequence[ModelCard], labelled: Sequence[ModelCard]
) -> Point:
    return Point(
        x=scale.x(gflops_of(card)),
        y=scale.y(top1_of(card)),
        address=card.get_absolute_url(),
        name=card.repo,
        gflops=gflops_of(card),
        top1=top1_of(card),
        is_on_frontier=card in best,
        label=card.short_name if card in labelled else "",
    )


def _by_compute(points: Iterable[Point]) -> list[Point]:
    best = (point for point in points if point.is_on_frontier)
    return sorted(best, key=lambda point: point.gflops)


def frontier(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Models that no other beats with as little compute, from the cheapest to the best."""
    best: list[ModelCard] = []
    for card in sorted(cards, key=lambda card: (gflops_of(card), -top1_of(card))):
        if not best or top1_of(card) > top1_of(best[-1]):
            best.append(card)
    return best


def _with_room_for_labels(best: Sequence[ModelCard], scale: Scale) -> list[ModelCard]:
    """From the best downwards, those whose label runs into no other and not over the axis.

    Labels stand to the upper left of their point, where the rising line never is.
    """
    labelled: list[ModelCard] = []
    last_y = -math.inf
    for card in reversed(best):
        starts_at = scale.x(gflops_of(card)) - len(card.short_name) * LETTER_WIDTH
        y = scale.y(top1_of(card))
        if starts_at > LEFT and y - last_y >= LABEL_HEIGHT:
            labelled.append(card)
            last_y = y
    return labelled


def _across(scale: Scale) -> list[Tick]:
    low, high = scale.gflops
    steps = [factor * 10**power for power in range(4) for factor in (1, 2, 5)]
    return [Tick(scale.x(step), f"{step:,}") for step in steps if low <= step <= high]


def _down(scale: Scale) -> list[Tick]:
    low, high = scale.top1
    return [Tick(scale.y(step), f"{step}") for step in range(0, 100, 5) if low <= step <= high]
