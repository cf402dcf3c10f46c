"""The page that shows two to four models side by side. Its address is the comparison."""

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog.comparison import accuracies, facts, speeds
from catalog.comparison.notes import Notes
from catalog.finding import browse, selection
from catalog.finding.selection import Selection
from catalog.models import ModelCard
from catalog.page_cache import cache_for_anonymous

# Whoever looks for more types another word.
MOST_FOUND = 8


@require_safe
@cache_for_anonymous
def compare_page(request: HttpRequest) -> HttpResponse:
    """Models named by the address, in its order: /compare/?m=repo&m=repo; `q` looks for more."""
    chosen = selection.resolve(selection.names_in(request.GET))
    if not chosen.is_canonical:
        names = [*chosen.repos, *chosen.missing]
        return redirect(f"{reverse('compare')}{selection.address(names)}", permanent=True)
    query = browse.Query.read(request.GET.dict()).q
    context = {
        "chosen": chosen,
        "cards": [(card, chosen.without(card)) for card in chosen.cards],
        "q": query,
        "address": selection.address(chosen.repos),
        "on_photos": selection.address(chosen.repos, parameter="model"),
        "found": [(card, chosen.plus(card)) for card in _to_add(query, chosen)],
        **(_tables(chosen.cards) if len(chosen.cards) > 1 else {}),
    }
    return render(request, "catalog/comparison/compare.html", context)


def _to_add(query: str, chosen: Selection) -> list[ModelCard]:
    if chosen.is_full:
        return []
    others = ModelCard.objects.real().exclude(pk__in=[card.pk for card in chosen.cards])
    if query:
        return browse.Query(q=query).page(others).cards[:MOST_FOUND]
    return list(others.written().best_first()[:MOST_FOUND])


def _tables(cards: list[ModelCard]) -> dict[str, object]:
    prefetch_related_objects(cards, "provenance__source", "evaluations__source")
    notes = Notes(cards)
    mean = accuracies.mean_row(cards, notes)
    # In the order of the page, which is that of the footnotes' numbers.
    first, *others = facts.measures_of(cards, notes)
    rows = [first, *([mean] if mean else []), *others, *speeds.rows_of(cards, notes)]
    accuracy = accuracies.table_of(cards, notes)
    specs = facts.specs_of(cards, notes)
    return {
        "measures": rows,
        "accuracy": accuracy,
        "specs": [row for row in specs if row.differs],
        "same": [row for row in specs if not row.differs],
        "notes": notes.cited,
    }
