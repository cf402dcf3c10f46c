"""/admin/credit/<wallet>/: somebody's credit, and what the operator may do with it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts import credits
from accounts.billing import purchases
from accounts.http import SignedInRequest
from accounts.models import CreditAction, Grant, Purchase, PurchaseState, Verb, Wallet
from accounts.staff import credit_desk
from accounts.staff.credit_desk.forms import AmountForm, DeskForm, RefundForm
from accounts.staff.credit_desk.verbs import Instruction
from catalog.admin.audited import log_step
from catalog.numbers.money import format_usd

MOST_ROWS = 50
Act = Callable[[Instruction], CreditAction]


@require_http_methods(["GET", "HEAD", "POST"])
@admin.site.admin_view
@permission_required("accounts.change_wallet", raise_exception=True)
def credit_page(request: SignedInRequest, pk: int) -> HttpResponse:
    """GET shows the account; POST adds credit or takes some back."""
    wallet = get_object_or_404(Wallet.objects.select_related("user"), pk=pk)
    if request.method != "POST":
        return _page(request, wallet, AmountForm())
    form = AmountForm(request.POST)
    is_added = request.POST.get("verb") == Verb.ADD
    verb = credit_desk.add if is_added else credit_desk.take
    if _is_done(request, form, lambda instruction: verb(wallet, form.micro_usd, instruction)):
        return redirect("credit_desk", wallet.pk)
    return _page(request, wallet, form, status=HTTPStatus.BAD_REQUEST)


@require_http_methods(["GET", "HEAD", "POST"])
@admin.site.admin_view
@permission_required("accounts.change_wallet", raise_exception=True)
def void_page(request: SignedInRequest, pk: int) -> HttpResponse:
    grant = get_object_or_404(Grant.objects.select_related("wallet__user"), pk=pk)
    form = DeskForm(request.POST or None)
    if _is_done(request, form, lambda instruction: credit_desk.void(grant, instruction)):
        return redirect("credit_desk", grant.wallet_id)
    sentence = (
        f"{format_usd(grant.remaining_micro_usd)} of {grant.reference} is left. It ends now; what"
        " is held of it goes when its job ends."
    )
    return _confirm(request, grant.wallet, form, "Void a grant", sentence)


@require_http_methods(["GET", "HEAD", "POST"])
@admin.site.admin_view
@permission_required("accounts.change_wallet", raise_exception=True)
def refund_page(request: SignedInRequest, pk: str) -> HttpResponse:
    bought = get_object_or_404(
        Purchase.objects.select_related("wallet__user"), pk=pk, state=PurchaseState.PAID
    )
    most = purchases.refundable_cents(bought)
    form = RefundForm(request.POST or None, most_cents=most)
    if _is_done(request, form, lambda how: credit_desk.refund(bought, form.cents, how)):
        return redirect("credit_desk", bought.wallet_id)
    sentence = (
        f"{format_usd(bought.micro_usd)} was paid, and {format_usd(most * 10_000)} of it can be"
        " refunded. The credit is taken back, and Stripe sends the money to the card."
    )
    return _confirm(request, bought.wallet, form, "Refund a purchase", sentence)


@require_http_methods(["POST"])
@admin.site.admin_view
@permission_required("accounts.change_wallet", raise_exception=True)
def resume_page(request: SignedInRequest, pk: str) -> HttpResponse:
    """A refund of which nobody knows whether Stripe has made it."""
    action = get_object_or_404(CreditAction, pk=pk, verb=Verb.REFUND)
    try:
        credit_desk.resume_refund(action)
    except credit_desk.DeskError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Stripe has the refund.")
    return redirect("credit_desk", action.wallet_id)


def _is_done(request: SignedInRequest, form: DeskForm, act: Act) -> bool:
    """False: nothing was sent, or it was refused, and the form says why."""
    if not form.is_valid():
        return False
    instruction = Instruction(
        id=form.cleaned_data["action_id"], by=request.user, reason=form.cleaned_data["reason"]
    )
    try:
        action = act(instruction)
    except credit_desk.DeskError as error:
        form.add_error(None, str(error))
        return False
    amount = format_usd(action.amount_micro_usd)
    log_step(request, action.wallet, action.verb, "", f"{amount}: {action.reason}")
    messages.success(request, f"Done: {action.get_verb_display()}, {amount}.")
    return True


def _page(
    request: SignedInRequest,
    wallet: Wallet,
    form: AmountForm,
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    bought = wallet.purchases.filter(state=PurchaseState.PAID).order_by("-paid_at")[:MOST_ROWS]
    context = _about(request, wallet, f"Credit of {wallet.user or 'somebody who has left'}") | {
        "form": form,
        "balance": credits.balance_of(wallet.user) if wallet.user else None,
        "grants": wallet.grants.order_by("-pk")[:MOST_ROWS],
        "purchases": [(one, purchases.refundable_cents(one)) for one in bought],
        "actions": wallet.credit_actions.select_related("by").order_by("-done_at")[:MOST_ROWS],
    }
    return render(request, "admin/credit_desk.html", context, status=status)


def _confirm(
    request: SignedInRequest, wallet: Wallet, form: DeskForm, title: str, sentence: str
) -> HttpResponse:
    context = _about(request, wallet, title) | {"form": form, "sentence": sentence}
    status = HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK
    return render(request, "admin/credit_confirm.html", context, status=status)


def _about(request: SignedInRequest, wallet: Wallet, title: str) -> dict[str, Any]:
    about = {"wallet": wallet, "title": title, "opts": Wallet._meta}
    return admin.site.each_context(request) | about
