"""The staff's page of the workers, at /admin/fleet/."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from inference.fleet import charts, snapshot

REFRESH_S = 4


@require_safe
@never_cache
@admin.site.admin_view
def fleet_page(request: HttpRequest) -> HttpResponse:
    """Everything at once; htmx asks again every few seconds and takes the changing part."""
    seen = snapshot.look()
    context = admin.site.each_context(request) | {
        "title": "Workers and queues",
        "fleet": seen,
        "curve": charts.curve_of(seen),
        "columns": charts.columns_of(seen),
        "rows": charts.rows_of(seen),
        "workers": [(each, snapshot.is_alive(each, at=seen.at)) for each in seen.workers],
        "refresh_s": REFRESH_S,
    }
    return render(request, "admin/fleet.html", context)
