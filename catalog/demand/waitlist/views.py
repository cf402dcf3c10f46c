"""Asking for a place in line, and the one press of people who are signed in."""

from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.demand import waitlist
from catalog.demand.waitlist.forms import AskForm
from catalog.limits import Refused
from catalog.models import ModelCard

FROM_ELSEWHERE = "This was sent from a page that is not ours. If it was you, please send it again."


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def ask_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """The form, and what becomes of it: the same page for every address.

    The form stands in pages that strangers share, so it holds no CSRF token. What a forged one
    could do is to spend other people's limits on mails to somebody: so it is refused where the
    browser says where it comes from.
    """
    card = _card(owner, name)
    if not waitlist.is_open(card):
        return redirect(card)
    if request.method != "POST":
        return _ask_again(request, card, HTTPStatus.OK)
    if _is_from_elsewhere(request):
        return _ask_again(request, card, HTTPStatus.FORBIDDEN, refusal=FROM_ELSEWHERE)
    form = AskForm(request.POST)
    if not form.is_valid():
        return _ask_again(request, card, HTTPStatus.BAD_REQUEST, form=form)
    return _ask(request, card, form)


def _ask(request: HttpRequest, card: ModelCard, form: AskForm) -> HttpResponse:
    asked = form.cleaned_data
    try:
        if not form.is_from_a_machine:
            waitlist.ask(
                card, asked["email"], consent=asked["consent"], consent_address=_address(request)
            )
    except Refused as refused:
        response = _ask_again(request, card, refused.status, form=form, refusal=str(refused))
        response.headers["Retry-After"] = str(refused.retry_after_s)
        return response
    return redirect("waitlist-sent", card.owner, card.short_name)


def _ask_again(
    request: HttpRequest,
    card: ModelCard,
    status: HTTPStatus,
    *,
    form: AskForm | None = None,
    refusal: str = "",
) -> HttpResponse:
    context = {"card": card, "form": form, "refusal": refusal, "size": waitlist.size_of(card)}
    return render(request, "catalog/waitlist/ask.html", context, status=status)


def _is_from_elsewhere(request: HttpRequest) -> bool:
    """What the browser says; programs that say nothing are let through: no browser, no forgery.

    Sec-Fetch-Site is sent to https and localhost only, Origin with every form that is posted.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return request.headers.get("Origin", "") not in ours | {""}


@require_safe
def sent_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """What everybody reads who has asked, known or not."""
    return render(request, "catalog/waitlist/sent.html", {"card": _card(owner, name)})


@require_POST
def join(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    card = _card(owner, name)
    person = request.user
    if not isinstance(person, AbstractUser):
        return redirect_to_login(card.get_absolute_url())
    try:
        waitlist.join(card, person, consent_address=_address(request))
    except waitlist.NotConfirmed:
        messages.error(request, "Please confirm the address of your account first.")
        return redirect("account_email")
    except waitlist.Closed:
        messages.error(request, f"Nobody waits for {card.name} any more.")
    else:
        messages.success(request, f"You are on the waitlist for {card.name}.")
    return redirect(card)


@require_POST
def leave_own(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    card = _card(owner, name)
    person = request.user
    if not isinstance(person, AbstractUser):
        return redirect_to_login(card.get_absolute_url())
    waitlist.leave(waitlist.own_entries(person).filter(card=card))
    messages.success(request, f"You have left the waitlist for {card.name}.")
    return redirect(card)


def _card(owner: str, name: str) -> ModelCard:
    return get_object_or_404(ModelCard, repo=f"{owner}/{name}")


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
