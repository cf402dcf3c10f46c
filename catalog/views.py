"""The catalog's pages."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from catalog import specs
from catalog.models import ModelCard, Task


@require_safe
def models_page(request: HttpRequest) -> HttpResponse:
    """Every model."""
    cards = ModelCard.objects.real().best_first()
    return render(request, "models.html", {"cards": cards, "tasks": Task})


@require_safe
def task_page(request: HttpRequest, task: str) -> HttpResponse:
    """The models of one task."""
    if task not in Task.values:
        raise Http404(f"no task {task}")
    cards = ModelCard.objects.real().for_task(task).best_first()
    return render(request, "models.html", {"cards": cards, "tasks": Task, "task": Task(task)})


@require_safe
def model_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """All that is known of one model."""
    card = get_object_or_404(ModelCard, repo=f"{owner}/{name}")
    context = {
        "card": card,
        "sheet": specs.sheet_of(card),
        "evaluations": card.evaluations.select_related("source"),
        "questions": card.faq.all(),
        "related": ModelCard.objects.related_to(card)[:4],
    }
    return render(request, "model.html", context)
