"""The catalog's pages."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from catalog.accuracy_chart import chart
from catalog.finding import browse, facets, filters, search, selection
from catalog.models import ModelCard, ModelCardQuerySet, Task
from catalog.page_cache import cache_for_anonymous
from catalog.pages import accuracy, linked_data, price_story, queries, sparkline, specs
from catalog.pages.benchmarks import BenchmarkStory
from catalog.standing import license_terms, serving
from catalog.standing.standing import Standing

RELATED = 6


@require_safe
@cache_for_anonymous
def models_page(request: HttpRequest) -> HttpResponse:
    return _list(request, ModelCard.objects.real(), task=None)


@require_safe
@cache_for_anonymous
def task_page(request: HttpRequest, task: str) -> HttpResponse:
    if task not in Task.values:
        return _canonical(request, task)
    return _list(request, ModelCard.objects.real().for_task(task), task=Task(task))


def _list(request: HttpRequest, cards: ModelCardQuerySet, *, task: Task | None) -> HttpResponse:
    chosen = selection.resolve(selection.names_in(request.GET)).cards
    query = browse.Query.read(request.GET.dict(), chosen=[card.repo for card in chosen])
    page = query.page(cards)
    counts = facets.count(query, cards)
    next_address = query.address(after=page.next_key) if page.next_key else ""
    context = {
        "cards": page.cards,
        "page": page,
        "total": counts.total,
        "chart": None if query.after else _chart(query, cards),
        "axes_across": browse.axes_across(query),
        "axes_up": browse.axes_up(query),
        "picks": True,
        "chosen_elsewhere": [card for card in chosen if card not in page.cards],
        "most_chosen": selection.MOST,
        "first_address": query.address(),
        "next_address": next_address,
        "query": query,
        "menus": counts.menus,
        "fields": browse.fields(query),
        "chips": browse.chips(query),
        "sorts": browse.sorts(query),
        "tasks": Task,
        "task": task,
    }
    response = render(request, "catalog/finding/models.html", context)
    if next_address:
        response["Link"] = f'<{request.build_absolute_uri(next_address)}>; rel="next"'
    if not filters.FORM_FIELDS.isdisjoint(request.GET):
        # A form writes its empty fields, too: htmx keeps the address as short as a link's.
        response["HX-Replace-Url"] = f"{request.path}{query.address()}"
    return response


def _chart(query: browse.Query, cards: ModelCardQuerySet) -> chart.Chart | None:
    found = query.matching(cards)
    return chart.chart_of(found, query.across, query.up, chosen=query.m)


@require_safe
@cache_for_anonymous
def model_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    card = queries.find_card(f"{owner}/{name}", seen_by=request.user)
    if card is None:
        return _canonical(request, f"{owner}/{name}")
    evaluations = card.evaluations.all()
    sheet = specs.sheet_of(card, card.provenance.all(), evaluations)
    related = list(ModelCard.objects.related_to(card)[:RELATED])
    served_repos = serving.served_repos()
    is_served = card.repo in served_repos
    standing = Standing.of(card, is_served=is_served)
    context = {
        "card": card,
        "is_served": is_served,
        "served_repos": served_repos,
        "standing": standing,
        "sheet": sheet,
        "license": license_terms.of(card),
        "accuracy": accuracy.groups_of(evaluations, sheet),
        "stage_changes": card.stage_changes.all(),
        "benchmarks": [BenchmarkStory.of(row) for row in queries.latest_benchmarks(card)],
        "sparkline": sparkline.of(queries.daily_downloads(card)),
        "price_story": price_story.story_of(
            card,
            history=list(card.price_changes.all()),
            neighbours=related,
            notes=sheet.note_of,
            parameters=request.GET.dict(),
        ),
        "linked_data": linked_data.of_model(
            request, card, standing.questions, availability=standing.availability
        ),
        "share_card": request.build_absolute_uri(f"{card.get_absolute_url()}og.png"),
        "related": related,
    }
    return render(request, "catalog/model/model.html", context)


def _canonical(request: HttpRequest, name: str) -> HttpResponse:
    """Lead a bare name or another spelling to its page for good, and what people call several
    models to those; 404 unless one is meant.
    """
    cards = ModelCard.objects.called(name) or ModelCard.objects.formerly(name)
    if len(cards) == 1:
        return redirect(cards[0], permanent=True)
    # For now: a name may come to mean another model.
    called_so = ModelCard.objects.real().popularly(" ".join(search.words_of(name)))
    if cards or not called_so:
        raise Http404(f"no model {name}")
    if len(called_so) == 1:
        return redirect(called_so[0])
    return redirect(f"{reverse('models')}?{urlencode({'q': name})}")
