"""The demand board as a page, and its numbers as JSON and CSV."""

import csv

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.demand import board
from catalog.demand.board import export
from catalog.page_cache import cache_for_anonymous

COLUMNS = ["as_of", "rank", "id", "stage", "score", "kind", "day", "count", "formula"]
EXAMPLE_AGES = (0, 7, 30, 90, 365)


@require_safe
@cache_for_anonymous
def roadmap(request: HttpRequest) -> HttpResponse:
    as_of = timezone.now().date()
    rows = board.rows(as_of, seen_by=request.user)
    context = {
        "as_of": as_of,
        "rows": rows[: board.MOST_SHOWN],
        "has_more": len(rows) > board.MOST_SHOWN,
        "is_wanted": bool(rows and rows[0].score),
        "set_aside": board.count_set_aside(),
        "launched": board.recently_launched(),
        "examples": [(age, board.weight(age)) for age in EXAMPLE_AGES],
        "least_in_a_sum": board.LEAST_IN_A_SUM,
    }
    return render(request, "catalog/demand/roadmap.html", context)


@require_safe
@cache_for_anonymous
def roadmap_json(request: HttpRequest) -> HttpResponse:
    """Every model of the board with its voices by day and kind; the rank follows from them."""
    as_of = timezone.now().date()
    numbers = {
        "as_of": as_of,
        "formula": board.FORMULA,
        "half_life_days": board.HALF_LIFE_DAYS,
        "votes_set_aside": board.count_set_aside(),
        "models": [
            {
                "rank": line.rank,
                "id": line.card.repo,
                "name": line.card.name,
                "stage": line.card.stage,
                "score": f"{line.score:.6f}",
                "votes": line.count(export.VOTE),
                "waitlist": line.count(export.WAITLIST),
                "voices": line.days,
            }
            for line in export.lines(as_of)
        ],
    }
    # Indented, since people read it, too.
    return JsonResponse(numbers, json_dumps_params={"indent": 2})


@require_safe
@cache_for_anonymous
def roadmap_csv(request: HttpRequest) -> HttpResponse:
    """One line for each model, kind and day; a model without a voice has one with a count of 0."""
    as_of = timezone.now().date()
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="roadmap-{as_of}.csv"'
    table = csv.writer(response)
    table.writerow(COLUMNS)
    for line in export.lines(as_of):
        model = [as_of, line.rank, line.card.repo, line.card.stage, f"{line.score:.6f}"]
        for day in line.days or [export.Day(kind="", day="", count=0)]:
            # The formula in each line: a table is passed on without its page.
            table.writerow([*model, day["kind"], day["day"], day["count"], board.FORMULA])
    return response
