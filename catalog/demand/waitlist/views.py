"""Joining a waitlist: the form for everybody, and one press for people who are signed in."""

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.demand import pending, waitlist
from catalog.demand.pending import Pending
from catalog.demand.waitlist.forms import JoinForm
from catalog.http import client_address, is_from_elsewhere
from catalog.limits import Refused, known_browsers
from catalog.models import ModelCard

FROM_ELSEWHERE = (
    "This form was sent from another site, so nothing was done. If it was you, please send it "
    "again from here."
)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def join_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """The form, and the same answer to every address."""
    card = _card(owner, name)
    if not waitlist.is_open(card):
        return redirect(card)
    if request.method != "POST":
        return _form_page(request, card, HTTPStatus.OK)
    # The form stands in pages that anonymous visitors share, so it holds no CSRF token. With a
    # forged one somebody could spend other people's limits.
    if is_from_elsewhere(request):
        return _form_page(request, card, HTTPStatus.FORBIDDEN, refusal=FROM_ELSEWHERE)
    form = JoinForm(request.POST)
    if not form.is_valid():
        return _form_page(request, card, HTTPStatus.BAD_REQUEST, form=form)
    return _join_by_mail(request, card, form)


def _join_by_mail(request: HttpRequest, card: ModelCard, form: JoinForm) -> HttpResponse:
    try:
        # A bot gets the answer that everybody gets, so that it learns nothing.
        if not form.is_from_a_bot:
            email = form.cleaned_data["email"]
            waitlist.join_by_mail(
                card,
                email,
                consent=form.cleaned_data["consent"],
                consent_address=client_address(request),
                browser_id=known_browsers.id_of(request, email),
            )
    except Refused as refused:
        response = _form_page(request, card, refused.status, form=form, refusal=str(refused))
        response.headers["Retry-After"] = str(refused.retry_after_s)
        return response
    return redirect("waitlist-sent", card.owner, card.short_name)


def _form_page(
    request: HttpRequest,
    card: ModelCard,
    status: HTTPStatus,
    *,
    form: JoinForm | None = None,
    refusal: str = "",
) -> HttpResponse:
    context = {"card": card, "form": form, "refusal": refusal, "size": waitlist.size_of(card)}
    return render(request, "catalog/waitlist/join.html", context, status=status)


@require_safe
def sent_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """The answer to everybody, whether we know the address or not."""
    return render(request, "catalog/waitlist/sent.html", {"card": _card(owner, name)})


@require_POST
def join(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    card = _card(owner, name)
    person = request.user
    if not isinstance(person, AbstractUser):
        # Signed out since the page was opened: joined as soon as they have signed in again.
        to_sign_in = redirect_to_login(card.get_absolute_url())
        pending.remember(request, to_sign_in, Pending("join", card.repo))
        return to_sign_in
    try:
        waitlist.join(card, person, consent_address=client_address(request))
    except waitlist.NotConfirmed as refusal:
        messages.error(request, str(refusal))
        return redirect("account_email")
    except waitlist.Closed as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"You're on the waitlist for {card.name}.")
    return redirect(card)


@require_POST
def leave_own(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    card = _card(owner, name)
    person = request.user
    if not isinstance(person, AbstractUser):
        return redirect_to_login(card.get_absolute_url())
    waitlist.leave(waitlist.own_entries(person).filter(card=card))
    messages.success(request, f"You've left the waitlist for {card.name}.")
    return redirect(card)


def _card(owner: str, name: str) -> ModelCard:
    return get_object_or_404(ModelCard, repo=f"{owner}/{name}")
