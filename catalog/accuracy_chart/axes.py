"""The axes of the catalog's chart: which figure each shows, where it was read, how it is written.

    across, up = axes.ACROSS["price"], axes.UP["imagenet"]
    for card in axes.with_figures(cards, across, up):
        across.write(card.x), up.write(card.y), card.y_source

`with_figures` is the only place where the chart takes a figure from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import CharField, F, FloatField, OuterRef, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce

from catalog.models import Evaluation, ModelCardQuerySet, Provenance
from catalog.numbers.formatting import accuracy, exact, parameters
from catalog.pricing.formatting import rounded_usd

MEAN_OF_38 = "average over 38 datasets"


def _source_of(field: str) -> Combinable:
    row = Provenance.objects.filter(card=OuterRef("pk"), field=field)
    return Subquery(row.values("source__title")[:1])


def _mean_of_38(column: str) -> Combinable:
    rows = Evaluation.objects.filter(card=OuterRef("pk"), dataset=MEAN_OF_38)
    return Subquery(rows.order_by("position", "pk").values(column)[:1])


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One figure of a card. `figure` is in units of which 1, 2, 5, 10 ... make good ticks.

    `label` names the choice, `title` the axis. `write` makes text of a figure with its unit, and
    `write_tick` without. Models below `least` are left out: trained on tiny samples, for research,
    they reach a few percent and would press all others into one line.
    """

    name: str
    label: str
    title: str
    figure: Combinable
    source: Combinable
    write: Callable[[float], str]
    write_tick: Callable[[float], str]
    small_is_better: bool = False
    # "no other beats with ...": completes that sentence below the chart.
    at_no_more: str = ""
    least: float = 0


def _usd_per_1k(nano_usd: float) -> str:
    return rounded_usd(Decimal(round(nano_usd)) / 1_000_000)


ACROSS = {
    axis.name: axis
    for axis in [
        Axis(
            name="compute",
            label="compute",
            title="GFLOPs per image",
            figure=F("image_gflops"),
            source=_source_of("image_gflops"),
            write=lambda figure: f"{exact(round(figure, 1))} GFLOPs per image",
            write_tick=lambda figure: f"{figure:,.0f}",
            small_is_better=True,
            at_no_more="as little compute",
        ),
        Axis(
            name="price",
            label="price",
            title="US dollars per 1,000 images, estimated until launch",
            figure=F("nano_usd_per_image"),
            source=Value(""),
            write=lambda figure: f"{_usd_per_1k(figure)} per 1,000 images",
            write_tick=_usd_per_1k,
            small_is_better=True,
            at_no_more="as low a price",
        ),
        Axis(
            name="parameters",
            label="parameters",
            title="parameters, millions",
            figure=F("parameters") / 1e6,
            source=_source_of("parameters"),
            write=lambda figure: f"{parameters(round(figure * 1e6))} parameters",
            write_tick=lambda figure: f"{figure:,.0f}",
            small_is_better=True,
            at_no_more="as few parameters",
        ),
        Axis(
            name="downloads",
            label="downloads",
            title="downloads per month, thousands",
            figure=F("downloads_per_month") / 1e3,
            source=_source_of("downloads_per_month"),
            write=lambda figure: f"{figure * 1e3:,.0f} downloads per month",
            write_tick=lambda figure: f"{figure:,.0f}",
            at_no_more="as many downloads",
        ),
    ]
}
UP = {
    axis.name: axis
    for axis in [
        Axis(
            name="imagenet",
            label="ImageNet",
            title="ImageNet zero-shot top-1, %",
            figure=F("imagenet_top1"),
            source=_source_of("imagenet_top1"),
            write=lambda figure: f"{accuracy(figure)} on ImageNet",
            write_tick=lambda figure: f"{figure:.0f}",
            least=50,
        ),
        Axis(
            name="mean",
            label="mean of 38 datasets",
            title="mean of 38 datasets, %",
            figure=_mean_of_38("value"),
            source=_mean_of_38("source__title"),
            write=lambda figure: f"{accuracy(figure)} on average over 38 datasets",
            write_tick=lambda figure: f"{figure:.0f}",
            least=40,
        ),
    ]
}


def with_figures(cards: ModelCardQuerySet, across: Axis, up: Axis) -> ModelCardQuerySet:
    """Those of the cards that state both, annotated with `x`, `y` and the titles of their sources.

    A source is "" where the figure is our own: an estimated price.
    """
    return cards.annotate(
        x=Cast(across.figure, FloatField()),
        y=Cast(up.figure, FloatField()),
        x_source=_text(across.source),
        y_source=_text(up.source),
    ).filter(x__gt=0, y__gte=up.least)


def _text(source: Combinable) -> Combinable:
    return Coalesce(source, Value(""), output_field=CharField())
