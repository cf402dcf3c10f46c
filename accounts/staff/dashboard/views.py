"""The operator's dashboard in the admin: demand as pictures and tables, and signs of abuse."""

import csv
from collections.abc import Iterable

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.staff.dashboard import abuse, charts, numbers
from catalog.demand import board
from catalog.numbers.money import usd

SEES_DEMAND = ["catalog.view_vote", "catalog.view_waitlistentry", "accounts.view_entry"]
SEES_PEOPLE = [*SEES_DEMAND, "accounts.view_user"]

WEEK_COLUMNS = [
    "week_from",
    "signed_up",
    "confirmed",
    "votes",
    "votes_set_aside",
    "waitlist_asked",
    "waitlist_confirmed",
    "granted_usd",
    "spent_usd",
]
MODEL_COLUMNS = ["as_of", "rank", "model", "stage", "votes", "waiting", "score"]
CREDIT_COLUMNS = ["since", "model", "launch_credit_usd", "spent_usd"]


@require_safe
@admin.site.admin_view
@permission_required(SEES_DEMAND, raise_exception=True)
def dashboard_page(request: HttpRequest) -> HttpResponse:
    """Twelve weeks, twenty models, and the launches."""
    now = timezone.now()
    weeks, wanted, earned = (
        numbers.weeks(now),
        numbers.wanted(now.date()),
        numbers.earned(now),
    )
    return _render(
        request,
        "admin/dashboard.html",
        "Demand",
        {
            "as_of": now.date(),
            "weeks": weeks,
            "week_pictures": charts.by_week(weeks),
            "wanted": wanted,
            "wanted_picture": charts.of_wanted(wanted),
            "earned": earned,
            "earned_picture": charts.of_earned(earned),
            "launches": numbers.launches(),
            "set_aside": board.count_set_aside(),
        },
    )


@require_safe
@admin.site.admin_view
@permission_required(SEES_PEOPLE, raise_exception=True)
def abuse_page(request: HttpRequest) -> HttpResponse:
    """Mailboxes that are thrown away, and much from one place within an hour."""
    return _render(
        request,
        "admin/dashboard_abuse.html",
        "What looks like abuse",
        {
            "days": abuse.DAYS,
            "thrown_away": abuse.disposable(timezone.now()),
            "bursts": abuse.bursts(timezone.now()),
            "many": abuse.MANY,
            "set_aside": board.count_set_aside(),
        },
    )


def _render(
    request: HttpRequest, template: str, title: str, context: dict[str, object]
) -> HttpResponse:
    return render(request, template, admin.site.each_context(request) | {"title": title} | context)


@require_safe
@admin.site.admin_view
@permission_required(SEES_DEMAND, raise_exception=True)
def weeks_csv(request: HttpRequest) -> HttpResponse:
    rows = [
        [
            week.monday,
            week.signed_up,
            week.confirmed,
            week.votes,
            week.set_aside,
            week.asked,
            week.joined,
            usd(week.granted),
            usd(week.spent),
        ]
        for week in numbers.weeks(timezone.now())
    ]
    return _csv("demand-weeks", WEEK_COLUMNS, rows)


@require_safe
@admin.site.admin_view
@permission_required(SEES_DEMAND, raise_exception=True)
def models_csv(request: HttpRequest) -> HttpResponse:
    as_of = timezone.now().date()
    rows = [
        [as_of, row.rank, row.card.repo, row.card.stage, row.votes, row.waiting, row.score]
        for row in numbers.wanted(as_of)
    ]
    return _csv("demand-models", MODEL_COLUMNS, rows)


@require_safe
@admin.site.admin_view
@permission_required(SEES_DEMAND, raise_exception=True)
def credit_csv(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    rows = [
        [numbers.first_monday(now), row.repo, usd(row.granted), usd(row.spent)]
        for row in numbers.earned(now)
    ]
    return _csv("demand-credit", CREDIT_COLUMNS, rows)


def _csv(name: str, columns: list[str], rows: Iterable[list[object]]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="gigarouter-{name}.csv"'
    table = csv.writer(response)
    table.writerow(columns)
    table.writerows(rows)
    return response
