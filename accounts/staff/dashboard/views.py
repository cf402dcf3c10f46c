"""The operator's dashboard in the admin: demand as charts and tables, and signs of abuse."""

import csv
from collections.abc import Iterable
from dataclasses import astuple

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.staff.dashboard import (
    bursts,
    disposable_domains,
    launch_metrics,
    model_charts,
    model_metrics,
    weekly_metrics,
)
from accounts.staff.dashboard.weekly_charts import weekly_charts
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
    now = timezone.now()
    weeks = weekly_metrics.weeks(now)
    demand, credit = model_metrics.demand(now.date()), model_metrics.credit(now)
    context = {
        "title": "Demand",
        "as_of": now.date(),
        "weeks": weeks,
        "weekly_charts": weekly_charts(weeks),
        "demand": demand,
        "demand_chart": model_charts.demand_chart(demand),
        "credit": credit,
        "credit_chart": model_charts.credit_chart(credit),
        "launches": launch_metrics.recent(),
        "set_aside": board.count_set_aside(),
    }
    return render(request, "admin/dashboard.html", admin.site.each_context(request) | context)


@require_safe
@admin.site.admin_view
@permission_required(SEES_PEOPLE, raise_exception=True)
def abuse_page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    context = {
        "title": "What looks like abuse",
        "days": disposable_domains.DAYS,
        "disposable_domains": disposable_domains.recent(now),
        "bursts": bursts.recent(now),
        "thresholds": bursts.THRESHOLDS,
        "set_aside": board.count_set_aside(),
    }
    return render(request, "admin/dashboard_abuse.html", admin.site.each_context(request) | context)


@require_safe
@admin.site.admin_view
@permission_required(SEES_DEMAND, raise_exception=True)
def weeks_csv(request: HttpRequest) -> HttpResponse:
    # WEEK_COLUMNS are the fields of Week in their order, the last two in dollars.
    rows = [
        [*astuple(week)[:-2], usd(week.granted), usd(week.spent)]
        for week in weekly_metrics.weeks(timezone.now())
    ]
    return _csv("demand-weeks", WEEK_COLUMNS, rows)


@require_safe
@admin.site.admin_view
@permission_required(SEES_DEMAND, raise_exception=True)
def models_csv(request: HttpRequest) -> HttpResponse:
    as_of = timezone.now().date()
    rows = [
        [as_of, row.rank, row.card.repo, row.card.stage, row.votes, row.waiting, row.score]
        for row in model_metrics.demand(as_of)
    ]
    return _csv("demand-models", MODEL_COLUMNS, rows)


@require_safe
@admin.site.admin_view
@permission_required(SEES_DEMAND, raise_exception=True)
def credit_csv(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    since = weekly_metrics.first_monday(now)
    rows = [
        [since, row.repo, usd(row.granted), usd(row.spent)] for row in model_metrics.credit(now)
    ]
    return _csv("demand-credit", CREDIT_COLUMNS, rows)


def _csv(name: str, columns: list[str], rows: Iterable[list[object]]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="gigarouter-{name}.csv"'
    table = csv.writer(response)
    table.writerow(columns)
    table.writerows(rows)
    return response
