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
    # Everything at once; htmx asks again every few seconds and takes the changing part.
    fleet = snapshot.current()
    context = admin.site.each_context(request) | {
        "title": "Workers and queues",
        "fleet": fleet,
        "curve": charts.curve_of(fleet),
        "columns": charts.columns_of(fleet),
        "rows": charts.rows_of(fleet),
        "workers": [(worker, snapshot.is_alive(worker, at=fleet.at)) for worker in fleet.workers],
        "unserved": fleet.unserved,
        "refresh_s": REFRESH_S,
    }
    return render(request, "admin/fleet.html", context)
