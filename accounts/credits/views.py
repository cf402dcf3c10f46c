"""A person's credit: what there is, what it buys, and every line that led there."""

import csv

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import credits, gifts
from accounts.credits import statement
from accounts.http import SignedInRequest


@require_safe
@login_required
@never_cache
def credit(request: SignedInRequest) -> HttpResponse:
    balance = credits.balance_of(request.user)
    context = {
        "balance": balance,
        "gifts": gifts.waiting_of(request.user),
        "purchases": statement.purchases_for(balance.available),
        "page": statement.page(request.user, before=_before(request)),
        "is_first_page": "before" not in request.GET,
    }
    return render(request, "accounts/credit.html", context)


def _before(request: HttpRequest) -> int | None:
    # An entry's number from the address; nonsense gives the first page.
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@require_safe
@login_required
@never_cache
def credit_csv(request: SignedInRequest) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="gigarouter-credit.csv"'
    csv.writer(response).writerows(statement.rows(request.user))
    return response
