"""Adding credit: the choice of an amount, and the way back from Stripe."""

import uuid
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import credits
from accounts.billing import checkout, stripe_api
from accounts.billing.forms import AddCreditForm
from accounts.http import SignedInRequest
from accounts.models import Purchase, PurchaseState
from catalog import limits
from catalog.limits import Limit, Refused
from catalog.numbers.money import format_usd

CHECKOUTS_PER_HOUR = 20


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def add_credit(request: SignedInRequest) -> HttpResponse:
    if not stripe_api.is_enabled():
        return _page(request, None, status=HTTPStatus.OK)
    form = AddCreditForm(request.POST or None, initial={"pack": _usual_pack()})
    if request.method != "POST":
        return _page(request, form)
    if form.is_valid() and (url := _begin(request, form)):
        return HttpResponseRedirect(url, status=HTTPStatus.SEE_OTHER)
    return _page(request, form, status=HTTPStatus.BAD_REQUEST)


def _begin(request: SignedInRequest, form: AddCreditForm) -> str:
    """ "" after a refusal, which the form then says."""
    try:
        wait_s = limits.spend([Limit(f"checkout:{request.user.pk}", CHECKOUTS_PER_HOUR)])
        if wait_s:
            wait = limits.wait_in_words(wait_s)
            form.add_error(None, f"You opened many payment pages. Please try again in {wait}.")
            return ""
        return checkout.begin(request.user, form.amount_cents)
    except (Refused, checkout.CheckoutUnavailable) as error:
        form.add_error(None, str(error))
        return ""


def _page(
    request: SignedInRequest, form: AddCreditForm | None, *, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    context = {
        "form": form,
        "balance": credits.available_to(request.user),
        "operator": settings.OPERATOR_NAME,
        "contact": settings.CONTACT_EMAIL,
        "least_usd": settings.CREDIT_LEAST_USD,
        "most_usd": settings.CREDIT_MOST_USD,
    }
    return render(request, "accounts/add_credit.html", context, status=status)


def _usual_pack() -> str:
    packs = settings.CREDIT_PACKS_USD
    return str(packs[min(1, len(packs) - 1)]) if packs else "other"


@require_safe
@login_required
@never_cache
def purchase(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    """Where Stripe sends the payer back to: what became of it, on the page of their credit."""
    bought = get_object_or_404(Purchase, pk=pk, wallet__user=request.user)
    checkout.refresh(bought)
    bought.refresh_from_db()
    if bought.state == PurchaseState.PAID:
        messages.success(request, f"{format_usd(bought.micro_usd)} was added. Thank you!")
    elif bought.state == PurchaseState.OPEN:
        messages.info(
            request, "Your payment is on its way. The credit appears here as soon as it arrives."
        )
    else:
        messages.error(request, "That payment was not completed, and nothing was charged.")
    return redirect("credit")


@require_safe
@login_required
@never_cache
def receipt(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    """On to Stripe's receipt of a purchase of one's own."""
    bought = get_object_or_404(Purchase, pk=pk, wallet__user=request.user)
    try:
        url = checkout.receipt_url(bought)
    except checkout.CheckoutUnavailable as error:
        messages.error(request, str(error))
        return redirect("credit")
    if urlsplit(url).scheme != "https":
        raise Http404("no receipt")
    return HttpResponseRedirect(url)
