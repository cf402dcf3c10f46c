"""The chart of the catalog: how accurate each model is at what cost, and which ones nothing beats.

Plain geometry for a server-side SVG: it needs no script, and every point is a link.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from django.db.models import Count, F, Max, Q, RowRange, Window
from django.db.models.functions import RowNumber

from catalog import svg
from catalog.accuracy_chart import axes, labels, lineages
from catalog.accuracy_chart.axes import Axis
from catalog.accuracy_chart.labels import Label, Wanted
from catalog.accuracy_chart.lineages import Lineage
from catalog.models import ModelCard, ModelCardQuerySet
from catalog.svg import Frame, Scale

FRAME = Frame(width=880, height=360, left=40, right=16, top=32, bottom=48)
# More points hide each other, and a page has to carry them.
MOST_POINTS = 200
MOST_SOURCES = 2


@dataclass(frozen=True)
class Plotted:
    """One model with its two figures, each with the title of its source."""

    card: ModelCard
    x: float
    y: float
    x_source: str
    y_source: str

    @classmethod
    def of(cls, card: ModelCard) -> "Plotted":
        figures = vars(card)  # annotations of `axes.with_figures`
        return cls(card, *(figures[name] for name in ("x", "y", "x_source", "y_source")))


@dataclass(frozen=True)
class Point:
    """One model in the SVG's units, and what its label says.

    `is_first`: the one stop of the Tab key; arrow keys lead on from there.
    """

    x: float
    y: float
    address: str
    name: str
    figures: str
    accuracy: str
    cost: str
    source: str
    lineage: Lineage
    is_on_frontier: bool
    is_chosen: bool
    is_first: bool = False

    @property
    def words(self) -> str:
        source = f"; accuracy from {self.source}" if self.source else ""
        return f"{self.name}: {self.figures}; {self.lineage.label}{source}"


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Sources:
    """Where the accuracies were read: the most frequent places, and how many elsewhere."""

    named: Sequence[tuple[str, int]]
    elsewhere: int


@dataclass(frozen=True)
class Chart:
    """`best` are the points on the frontier, the cheapest first."""

    across: Axis
    up: Axis
    points: Sequence[Point]
    best: Sequence[Point]
    frontier: str
    labels: Sequence[Label]
    ticks_across: Sequence[Tick]
    ticks_up: Sequence[Tick]
    legend: Sequence[Lineage]
    sources: Sources
    left_out: int
    frame: Frame = FRAME

    @property
    def right(self) -> int:
        return self.frame.width - self.frame.right


def chart_of(
    cards: ModelCardQuerySet, across: Axis, up: Axis, *, chosen: Collection[str] = ()
) -> Chart | None:
    """The chart of the cards that state both figures; None for fewer than two.

    `chosen` are repo ids of models to point out.
    """
    known = list(_worth_drawing(cards, across, up))
    if len(known) < 2:
        return None
    plotted = [Plotted.of(card) for card in known]
    best = frontier(plotted, small_is_better=across.small_is_better)
    plane = Plane.around(plotted)
    # The frontier is drawn last, so that it lies on top.
    plotted.sort(key=lambda model: (model in best, model.x, model.y, model.card.repo))
    points = {
        model.card.repo: _point(
            model,
            plane.position_of(model),
            write=(across, up),
            is_on_frontier=model in best,
            is_chosen=model.card.repo in chosen,
            is_first=model is best[-1],
        )
        for model in plotted
    }
    line = [plane.position_of(model) for model in best]
    return Chart(
        across,
        up,
        points=list(points.values()),
        best=[points[model.card.repo] for model in best],
        frontier=svg.points(line),
        labels=_labels(plotted, best, plane, chosen=chosen),
        ticks_across=plane.ticks_across(across),
        ticks_up=plane.ticks_up(up),
        legend=lineages.legend(point.lineage for point in points.values()),
        sources=_sources(plotted),
        left_out=vars(known[0])["known"] - len(known),
    )


def frontier(models: Iterable[Plotted], *, small_is_better: bool = True) -> list[Plotted]:
    """Models that no other beats in `y` at as good an `x`, the best `x` first."""
    sign = 1 if small_is_better else -1
    best: list[Plotted] = []
    for model in sorted(models, key=lambda model: (sign * model.x, -model.y, model.card.repo)):
        if not best or model.y > best[-1].y:
            best.append(model)
    return best


def _worth_drawing(cards: ModelCardQuerySet, across: Axis, up: Axis) -> ModelCardQuerySet:
    """The most accurate, and what nothing beats at its cost, each with how many are `known`."""
    # Chosen in SQL, so that of 10,000 models only those drawn are fetched.
    cheapest = F("x").asc() if across.small_is_better else F("x").desc()
    return (
        axes.with_figures(cards, across, up)
        .only("repo", "name", "family")
        .annotate(
            known=Window(Count("*")),
            # Of equal figures the repo decides, so that the same models are drawn each time.
            rank=Window(RowNumber(), order_by=[F("y").desc(), F("repo").asc()]),
            to_beat=Window(
                Max("y"),
                order_by=[cheapest, F("y").desc(), F("repo").asc()],
                frame=RowRange(end=-1),
            ),
        )
        .filter(Q(rank__lte=MOST_POINTS) | Q(to_beat__isnull=True) | Q(y__gt=F("to_beat")))
    )


@dataclass(frozen=True)
class Plane:
    """Costs go across by logarithm, accuracy goes up."""

    x: Scale
    y: Scale

    @classmethod
    def around(cls, models: Sequence[Plotted]) -> "Plane":
        xs, ys = [model.x for model in models], [model.y for model in models]
        return cls(
            FRAME.across_by_log(min(xs) * 0.8, max(xs) * 1.2), FRAME.up(min(ys) - 2, max(ys) + 3)
        )

    def position_of(self, model: Plotted) -> tuple[float, float]:
        return self.x.at(model.x), self.y.at(model.y)

    def ticks_across(self, axis: Axis) -> list[Tick]:
        steps = svg.log_ticks(self.x.low, self.x.high)
        return [Tick(self.x.at(step), axis.write_tick(step)) for step in steps]

    def ticks_up(self, axis: Axis) -> list[Tick]:
        steps = svg.ticks(self.y.low, self.y.high, step=5)
        return [Tick(self.y.at(step), axis.write_tick(step)) for step in steps]


def _point(
    model: Plotted,
    position: tuple[float, float],
    *,
    write: tuple[Axis, Axis],
    is_on_frontier: bool,
    is_chosen: bool,
    is_first: bool,
) -> Point:
    across, up = write
    cost, accuracy = across.write(model.x), up.write(model.y)
    return Point(
        *position,
        address=model.card.get_absolute_url(),
        name=f"{model.card.name} ({model.card.owner})",
        figures=f"{accuracy} at {cost}",
        accuracy=accuracy,
        cost=cost,
        source=_short(model.y_source),
        lineage=lineages.of(model.card.family),
        is_on_frontier=is_on_frontier,
        is_chosen=is_chosen,
        is_first=is_first,
    )


def _labels(
    models: Sequence[Plotted], best: Sequence[Plotted], plane: Plane, *, chosen: Collection[str]
) -> list[Label]:
    """Names of the models chosen, then of those on the frontier from the best downwards."""
    pointed_out = [model for model in models if model.card.repo in chosen]
    rest = [model for model in reversed(best) if model not in pointed_out]
    return labels.place(
        [
            Wanted(
                *plane.position_of(model),
                model.card.name,
                may_cover_points=model in pointed_out,
            )
            for model in chain(pointed_out, rest)
        ],
        points=[plane.position_of(model) for model in models],
        line=[plane.position_of(model) for model in best],
        frame=FRAME,
    )


def _sources(models: Iterable[Plotted]) -> Sources:
    titles = Counter(_short(model.y_source) for model in models if model.y_source)
    named = titles.most_common(MOST_SOURCES)
    return Sources(named, elsewhere=titles.total() - sum(count for _, count in named))


def _short(title: str) -> str:
    # What follows the colon says what the source holds.
    return title.partition(":")[0]
