"""A person's credit: what there is, what it buys, and every line that led there."""

import csv

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import credits, gifts
from accounts.credits import alerts, statement
from accounts.credits.forms import AlertForm
from accounts.http import SignedInRequest
from accounts.models import Purchase, PurchaseState, User

MOST_PURCHASES = 50


@require_safe
@login_required
@never_cache
def credit(request: SignedInRequest) -> HttpResponse:
    balance, has_holds = credits.balance_of(request.user), request.GET.get("holds") == "1"
    context = {
        "balance": balance,
        "gifts": gifts.waiting_of(request.user),
        "affordable": statement.affordable_with(balance.available),
        "purchases": _purchases(request.user),
        "page": statement.page(request.user, before=_before(request), has_holds=has_holds),
        "is_first_page": "before" not in request.GET,
        "has_holds": has_holds,
        "alerts": AlertForm.choices_of(request.user),
    }
    return render(request, "accounts/credit.html", context)


def _purchases(user: User) -> list[Purchase]:
    """Those that were paid, the latest first."""
    paid = Purchase.objects.filter(wallet__user=user, state=PurchaseState.PAID)
    return list(paid.order_by("-paid_at")[:MOST_PURCHASES])


@require_POST
@login_required
@never_cache
def low_balance(request: SignedInRequest) -> HttpResponse:
    form = AlertForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Please choose one of the amounts.")
    else:
        alerts.choose(request.user, form.micro_usd)
        messages.success(request, form.confirmation)
    return redirect("credit")


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
