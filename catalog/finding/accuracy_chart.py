"""The accuracy-compute chart: where each model lies, and which ones nothing beats at their cost.

Plain geometry for a server-side SVG: no script, and every point is a link.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Max, Q, RowRange, Window
from django.db.models.functions import RowNumber

from catalog import svg
from catalog.models import ModelCard, ModelCardQuerySet
from catalog.svg import Frame, Scale

FRAME = Frame(width=960, height=320, left=48, right=24, top=24, bottom=40)
LABEL_HEIGHT, LETTER_WIDTH = 16, 7.5
# Models trained on tiny samples, for research, reach a few percent: they would press all others
# into one line.
LOWEST_TOP1 = 50
# More points hide each other, and a page has to carry them.
MOST_POINTS = 200


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
        gflops = f"{self.gflops:.1f}".removesuffix(".0")
        return f"{self.name}: {self.top1:.1f} % at {gflops} GFLOP"


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    points: Sequence[Point]
    frontier: str
    across: Sequence[Tick]
    down: Sequence[Tick]
    left_out: int
    width: int = FRAME.width
    height: int = FRAME.height


@dataclass(frozen=True)
class Axes:
    """GFLOP go across by logarithm, accuracy goes up."""

    gflops: Scale
    top1: Scale

    @classmethod
    def around(cls, cards: Sequence[ModelCard]) -> "Axes":
        gflops = [gflops_of(card) for card in cards]
        top1 = [top1_of(card) for card in cards]
        return cls(
            FRAME.across_by_log(min(gflops) * 0.8, max(gflops) * 1.2),
            FRAME.up(min(top1) - 2, max(top1) + 3),
        )

    def position_of(self, card: ModelCard) -> tuple[float, float]:
        return self.gflops.at(gflops_of(card)), self.top1.at(top1_of(card))


def gflops_of(card: ModelCard) -> float:
    return card.image_gflops or 0.0


def top1_of(card: ModelCard) -> float:
    return card.imagenet_top1 or 0.0


def chart_of(cards: ModelCardQuerySet) -> Chart | None:
    """The chart of the cards whose two figures are known; None for fewer than two."""
    known = list(_worth_drawing(cards))
    if len(known) < 2:
        return None
    axes = Axes.around(known)
    best = frontier(known)
    labeled = _with_room_for_labels(best, axes)
    points = [_point(card, axes, best=best, labeled=labeled) for card in known]
    # Drawn last, so that the frontier's points lie on top.
    points.sort(key=lambda point: point.is_on_frontier)
    return Chart(
        points,
        frontier=svg.points(axes.position_of(card) for card in best),
        across=_across(axes.gflops),
        down=_down(axes.top1),
        left_out=getattr(known[0], "known") - len(known),  # noqa: B009  an annotation
    )


def _worth_drawing(cards: ModelCardQuerySet) -> ModelCardQuerySet:
    """The most accurate, and what nothing beats at its cost, each with how many are `known`."""
    # Chosen in SQL, so that of 10,000 models only those drawn are fetched.
    cheapest_first = [F("image_gflops").asc(), F("imagenet_top1").desc(), F("repo").asc()]
    cheaper = RowRange(end=-1)
    return (
        cards.filter(image_gflops__gt=0, imagenet_top1__gte=LOWEST_TOP1)
        .only("repo", "image_gflops", "imagenet_top1")
        .annotate(
            known=Window(Count("*")),
            # Of equal figures the repo decides, so that the same models are drawn each time.
            rank=Window(RowNumber(), order_by=[F("imagenet_top1").desc(), F("repo").asc()]),
            to_beat=Window(Max("imagenet_top1"), order_by=cheapest_first, frame=cheaper),
        )
        .filter(
            Q(rank__lte=MOST_POINTS) | Q(to_beat__isnull=True) | Q(imagenet_top1__gt=F("to_beat"))
        )
    )


def _point(
    card: ModelCard, axes: Axes, *, best: Sequence[ModelCard], labeled: Sequence[ModelCard]
) -> Point:
    x, y = axes.position_of(card)
    return Point(
        x=x,
        y=y,
        address=card.get_absolute_url(),
        name=card.repo,
        gflops=gflops_of(card),
        top1=top1_of(card),
        is_on_frontier=card in best,
        label=card.short_name if card in labeled else "",
    )


def frontier(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Models that no other beats with as little compute, from the cheapest to the best."""
    best: list[ModelCard] = []
    for card in sorted(cards, key=lambda card: (gflops_of(card), -top1_of(card))):
        if not best or top1_of(card) > top1_of(best[-1]):
            best.append(card)
    return best


def _with_room_for_labels(best: Sequence[ModelCard], axes: Axes) -> list[ModelCard]:
    """From the best downwards, those whose label runs into no other and not over the axis.

    Labels stand to the upper left of their point, where the rising line never is.
    """
    labeled: list[ModelCard] = []
    last_y = -math.inf
    for card in reversed(best):
        x, y = axes.position_of(card)
        starts_at = x - len(card.short_name) * LETTER_WIDTH
        if starts_at > FRAME.left and y - last_y >= LABEL_HEIGHT:
            labeled.append(card)
            last_y = y
    return labeled


def _across(gflops: Scale) -> list[Tick]:
    return [Tick(gflops.at(step), f"{step:,}") for step in svg.log_ticks(gflops.low, gflops.high)]


def _down(top1: Scale) -> list[Tick]:
    return [Tick(top1.at(step), f"{step}") for step in svg.ticks(top1.low, top1.high, step=5)]
