"""The catalog's pages."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from catalog import browse, chart, compare, linked_data, specs
from catalog.models import ModelCard, ModelCardQuerySet, Task


@require_safe
def models_page(request: HttpRequest) -> HttpResponse:
    """Every model, as the address asks."""
    return _list(request, ModelCard.objects.real(), task=None)


@require_safe
def task_page(request: HttpRequest, task: str) -> HttpResponse:
    """The models of one task, as the address asks."""
    if task not in Task.values:
        return _canonical(request, task)
    return _list(request, ModelCard.objects.real().for_task(task), task=Task(task))


def _list(request: HttpRequest, cards: ModelCardQuerySet, *, task: Task | None) -> HttpResponse:
    query = browse.Query.read(request.GET)
    page = query.page(cards)
    context = {
        "cards": page.cards,
        "total": page.total,
        "chart": None if query.after else chart.chart_of(query.found(cards)),
        "first_address": query.address(),
        "next_address": query.address(after=page.next_key) if page.next_key else "",
        "query": query,
        "families": browse.families(query, cards),
        "statuses": browse.statuses(query),
        "sorts": browse.sorts(query),
        "tasks": Task,
        "task": task,
    }
    return render(request, "models.html", context)


@require_safe
def model_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """All that is known of one model."""
    card = ModelCard.objects.filter(repo=f"{owner}/{name}").first()
    if card is None:
        return _canonical(request, f"{owner}/{name}")
    questions = list(card.faq.all())
    context = {
        "card": card,
        "sheet": specs.sheet_of(card),
        "evaluations": card.evaluations.select_related("source"),
        "questions": questions,
        "linked_data": linked_data.of_model(request, card, questions),
        "share_card": request.build_absolute_uri(f"{card.get_absolute_url()}og.png"),
        "related": ModelCard.objects.related_to(card)[:4],
    }
    return render(request, "model.html", context)


def _canonical(request: HttpRequest, name: str) -> HttpResponse:
    """Lead a bare name or another spelling to its page for good; 404 unless one model is meant."""
    meant = ModelCard.objects.called(name)
    if len(meant) != 1:
        raise Http404(f"no model {name}")
    return redirect(meant[0], permanent=True)


@require_safe
def compare_page(request: HttpRequest) -> HttpResponse:
    """Two to four models side by side, named by the address: /compare/?m=repo&m=repo."""
    wanted = list(dict.fromkeys(request.GET.getlist("m")))[: compare.MOST]
    found = {card.repo: card for card in ModelCard.objects.filter(repo__in=_sane(wanted))}
    cards = [found[repo] for repo in wanted if repo in found]
    context = {
        "cards": cards,
        "missing": [repo for repo in wanted if repo not in found],
        "rows": compare.rows_of(cards) if len(cards) > 1 else [],
        "suggestions": ModelCard.objects.real().written().best_first(),
    }
    return render(request, "compare.html", context)


def _sane(wanted: list[str]) -> list[str]:
    """PostgreSQL takes no NUL in a text, and no card has one in its name."""
    return [repo for repo in wanted if "\0" not in repo]
