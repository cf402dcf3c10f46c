"""/status/ for people, /status.json for programs, and incidents as an Atom feed."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog.page_cache import cache_for_anonymous
from catalog.syndication.feeds import LONGEST, TAG, Event, EventFeed
from inference.models import Incident, IncidentUpdate
from inference.status import bars, history
from inference.status.history import Record

INCIDENTS_SHOWN = 10


@require_safe
@cache_for_anonymous
def status_page(request: HttpRequest) -> HttpResponse:
    seen = history.load()
    context = {
        "history": seen,
        "groups": [("parts", _drawn(seen.parts)), ("models", _drawn(seen.models))],
        "open_incidents": list(_incidents().filter(ended_at__isnull=True)),
        "past_incidents": _incidents().filter(ended_at__isnull=False)[:INCIDENTS_SHOWN],
    }
    return render(request, "inference/status/status.html", context)


@require_safe
@cache_for_anonymous
def status_json(request: HttpRequest) -> JsonResponse:
    seen = history.load()
    report = {
        "checked_at": seen.checked_at,
        "is_current": seen.is_current,
        "parts": [_as_json(record) for record in seen.parts],
        "models": [_as_json(record) for record in seen.models],
        "incidents": [
            {
                "title": incident.title,
                "touches": incident.parts,
                "started_at": incident.started_at,
                "ended_at": incident.ended_at,
            }
            for incident in _incidents()[:INCIDENTS_SHOWN]
        ],
    }
    return JsonResponse(report, json_dumps_params={"indent": 2})


class Incidents(EventFeed):
    title = "gigarouter: incidents"
    subtitle = "What went wrong, and what we did about it."
    feed_guid = f"{TAG}feeds/incidents"

    def link(self) -> str:
        return reverse("status")

    def items(self) -> list[Event]:
        return [_event_of(update) for update in _updates()[:LONGEST]]


def _updates() -> QuerySet[IncidentUpdate]:
    return IncidentUpdate.objects.select_related("incident")


def _event_of(update: IncidentUpdate) -> Event:
    return Event(
        title=update.incident.title,
        text=update.text,
        at=update.written_at,
        address=f"{reverse('status')}#incident-{update.incident_id}",
        path=f"incidents/{update.incident_id}/{update.pk}",
    )


incidents_feed = require_safe(Incidents())


def _incidents() -> QuerySet[Incident]:
    return Incident.objects.prefetch_related("updates")


def _drawn(records: Sequence[Record]) -> list[tuple[Record, bars.Picture, bars.Picture]]:
    return [(record, bars.of_hours(record), bars.of_days(record)) for record in records]


def _as_json(record: Record) -> dict[str, Any]:
    return {
        "name": record.name,
        "is_up": record.is_up,
        "up_share_30_days": record.up_share,
        "waiting": record.waiting,
        "jobs_24_hours": record.jobs,
        "failed_jobs_24_hours": record.failed_jobs,
        "wait_p50_ms": record.latest.wait_p50_ms if record.latest else None,
        "wait_p95_ms": record.latest.wait_p95_ms if record.latest else None,
        "hours": [
            {"start": hour.start, "checks": hour.checks, "failed_checks": hour.failed_checks}
            for hour in record.hours
        ],
    }
