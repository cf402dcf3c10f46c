"""Where figures were read: a page for each source, so that every citation opens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from catalog.models import Evaluation, ModelCard, Provenance, Source
from catalog.page_cache import cache_for_anonymous

# Of a table that fills the whole zoo the page lists the models; what they have of it, their own do.
MOST_MODELS = 300


# Where the name of a card's field would not do.
LABELS = {
    "authors_imagenet_top1": "ImageNet zero-shot top-1 by the authors, %",
    "api_providers": "API providers",
    "est_price_nano_usd_per_image": "estimated price of an image, n$",
    "image_gflops": "GFLOPs per image",
    "imagenet_top1": "ImageNet zero-shot top-1, %",
    "text_gflops": "GFLOPs per text",
}


@dataclass(frozen=True)
class Figure:
    label: str
    value: str
    read_on: date


@dataclass(frozen=True)
class Reading:
    card: ModelCard
    figures: Sequence[Figure]

    @property
    def read_on(self) -> date:
        return max(figure.read_on for figure in self.figures)


@require_safe
@cache_for_anonymous
def sources_page(request: HttpRequest) -> HttpResponse:
    cited = Q(facts__gt=0) | Q(results__gt=0)
    sources = Source.objects.annotate(
        facts=Count("provenance", distinct=True), results=Count("evaluation", distinct=True)
    )
    context = {"sources": sources.filter(cited).order_by("title")}
    return render(request, "catalog/sources/list.html", context)


@require_safe
@cache_for_anonymous
def source_page(request: HttpRequest, slug: str) -> HttpResponse:
    source = get_object_or_404(Source, slug=slug)
    context: dict[str, object] = {"source": source}
    if source.url:
        context["cards"] = _citing(source)
    else:
        context["readings"] = list(_readings(source))
    return render(request, "catalog/sources/source.html", context)


def _citing(source: Source) -> Sequence[ModelCard]:
    facts = Count("provenance", filter=Q(provenance__source=source), distinct=True)
    results = Count("evaluations", filter=Q(evaluations__source=source), distinct=True)
    read_on = Max("provenance__read_on", filter=Q(provenance__source=source))
    cards = ModelCard.objects.annotate(facts=facts, results=results, read_on=read_on)
    citing = cards.filter(Q(facts__gt=0) | Q(results__gt=0)).only("repo").order_by("repo")
    return list(citing[:MOST_MODELS])


def _readings(source: Source) -> Iterator[Reading]:
    """The record itself: each figure that was taken from there, by model."""
    facts = Provenance.objects.filter(source=source).select_related("card")
    results = Evaluation.objects.filter(source=source).select_related("card")
    figures = [(row.card, _of_fact(row)) for row in facts.order_by("card__repo", "pk")]
    figures += [(row.card, _of_result(row)) for row in results.order_by("card__repo", "position")]
    # Sorting is stable: of each model the facts come first.
    figures.sort(key=lambda figure: figure[0].repo)
    for _, group in groupby(figures, key=lambda figure: figure[0].repo):
        rows = list(group)
        yield Reading(rows[0][0], [figure for _, figure in rows])


def _of_fact(row: Provenance) -> Figure:
    value = getattr(row.card, row.field)
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return Figure(LABELS.get(row.field, row.field.replace("_", " ")), text, row.read_on)


def _of_result(row: Evaluation) -> Figure:
    return Figure(f"{row.dataset}, {row.metric}", f"{row.value.normalize():f} %", row.read_on)
