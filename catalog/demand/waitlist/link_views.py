"""Pages behind the signed links in the waitlist's mails; the preference page for people, too."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from catalog import email_addresses
from catalog.demand import subscribers, votes, waitlist
from catalog.demand.waitlist import confirmation, links
from catalog.demand.waitlist.confirmation import Link, LinkState
from catalog.demand.waitlist.forms import PreferenceForm
from catalog.http import SignedInRequest, client_address
from catalog.limits import known_browsers
from catalog.models import EntryQuerySet, ModelCard, Subscriber

LINK_STATUS = {
    LinkState.EXPIRED: HTTPStatus.GONE,
    LinkState.LEFT: HTTPStatus.GONE,
    LinkState.REPLACED: HTTPStatus.GONE,
    LinkState.UNKNOWN: HTTPStatus.NOT_FOUND,
}

View = Callable[..., HttpResponse]


def from_mail(view: View) -> View:
    """Pages behind a link in a mail: not cached, not indexed, no referrer to the next site."""

    @wraps(view)
    def answer(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except links.BadLink:
            response = _page_of_link(request, Link(LinkState.UNKNOWN))
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    # The signed link is the authority, and no cookie plays a part: a forged request would need the
    # link, and who has the link needs no forgery. A CSRF token is what mail providers, and browsers
    # without cookies, could not send.
    return csrf_exempt(never_cache(answer))


@from_mail
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    # GET only shows a button: mail scanners follow links.
    if request.method != "POST":
        return _page_of_link(request, confirmation.look_up(token))
    link = confirmation.confirm(token)
    response = _page_of_link(request, link)
    if link.is_new and link.entry:
        known_browsers.remember(request, response, [link.entry.subscriber.email])
    return response


def _page_of_link(request: HttpRequest, link: Link) -> HttpResponse:
    context: dict[str, object] = {"link": link, "state": link.state.name}
    if link.entry:
        context |= {"entry": link.entry, "card": _with_votes(request, link.entry.card)}
        context["launch_credit"] = settings.LAUNCH_CREDIT_MICRO_USD
        context["address"] = email_addresses.masked(link.entry.subscriber.email)
        context["position"] = waitlist.position_of(link.entry)
        context["preferences_link"] = links.to_preferences(link.entry.subscriber)
    status = LINK_STATUS.get(link.state, HTTPStatus.OK)
    return render(request, "catalog/waitlist/confirm.html", context, status=status)


def _with_votes(request: HttpRequest, card: ModelCard) -> ModelCard:
    """The card as the vote button wants it."""
    counted = ModelCard.objects.annotate(
        votes_counted=votes.count_expression(), has_my_vote=votes.has_vote_of(request.user)
    )
    return counted.get(pk=card.pk)


@from_mail
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, signed: str) -> HttpResponse:
    """GET shows a button; POST leaves at once."""
    entries = links.entries_of(signed)
    shown = list(entries.select_related("card", "subscriber").order_by("card__name"))
    leaves_all = links.subscriber_leaving_all(signed)
    context: dict[str, object] = {
        "entries": shown,
        "waiting": [entry for entry in shown if not entry.left_at],
        # Who has only voted waits for nothing, and is mailed all the same.
        "may_be_mailed": leaves_all if leaves_all and not leaves_all.unsubscribed_at else None,
        "has_left": request.method == "POST",
    }
    subscriber = shown[0].subscriber if shown else leaves_all
    if request.method == "POST":
        moment = waitlist.leave_at_once(entries, leaves_all)
        if subscriber and (context["waiting"] or context["may_be_mailed"]):
            context["undo_link"] = links.to_undo(subscriber, moment)
    if subscriber:
        # The mail may have been forwarded: whoever reads this need not know whose it was.
        context["address"] = email_addresses.masked(subscriber.email)
    if shown and subscriber:
        context["leave_all_link"] = links.to_leave(subscriber, None)
        context["preferences_link"] = links.to_preferences(subscriber)
    # No redirect, not after POST either: RFC 8058 forbids it.
    return render(request, "catalog/waitlist/leave.html", context)


@from_mail
@require_POST
def undo(request: HttpRequest, signed: str) -> HttpResponse:
    """From the page that has just said that somebody has left."""
    subscriber, moment = links.undone_by(signed)
    context: dict[str, object] = {"is_undone": False}
    if subscriber:
        context["is_undone"] = waitlist.undo(subscriber, moment)
        context["preferences_link"] = links.to_preferences(subscriber)
    status = HTTPStatus.OK if context["is_undone"] else HTTPStatus.GONE
    return render(request, "catalog/waitlist/undone.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def own_preferences(request: SignedInRequest) -> HttpResponse:
    return _preferences(request, subscribers.of_person(request.user), is_own=True)


@from_mail
@require_http_methods(["GET", "HEAD", "POST"])
def mailed_preferences(request: HttpRequest, signed: str) -> HttpResponse:
    subscriber = links.subscriber_of(signed)
    addresses = (
        Subscriber.objects.filter(pk=subscriber.pk) if subscriber else Subscriber.objects.none()
    )
    return _preferences(request, addresses, is_own=False)


def _preferences(
    request: HttpRequest, addresses: "QuerySet[Subscriber]", *, is_own: bool
) -> HttpResponse:
    entries = waitlist.entries_of(addresses)
    if request.method != "POST":
        return _show(request, addresses, entries, is_own=is_own)
    form = PreferenceForm(request.POST)
    if not form.is_valid():
        return _show(request, addresses, entries, is_own=is_own, status=HTTPStatus.BAD_REQUEST)
    if form.cleaned_data["action"] == "forget" and addresses.exists():
        return _show(request, addresses, entries, is_own=is_own, template="forget")
    address = client_address(request) if is_own else None
    _change(form, addresses, entries, address=address)
    return redirect(request.path)


def _change(
    form: PreferenceForm,
    addresses: "QuerySet[Subscriber]",
    entries: EntryQuerySet,
    *,
    address: str | None,
) -> None:
    """Do what was pressed; `address` is the network address of a person who is signed in."""
    entry = entries.filter(pk=form.cleaned_data["entry"])
    match form.cleaned_data["action"]:
        case "leave":
            waitlist.leave(entry)
        case "undo":
            waitlist.undo_entry(entry)
        case "leave-all":
            waitlist.leave(entries)
        case "forget-for-good":
            subscribers.forget(addresses)
        # Only who is signed in: these links never end, unlike the one that was mailed to confirm.
        case "confirm" if address is not None:
            waitlist.confirm_own(entry, consent_address=address)


def _show(
    request: HttpRequest,
    addresses: "QuerySet[Subscriber]",
    entries: EntryQuerySet,
    *,
    is_own: bool,
    status: HTTPStatus = HTTPStatus.OK,
    template: str = "preferences",
) -> HttpResponse:
    shown = waitlist.with_positions(entries.select_related("card", "subscriber"))
    emails = addresses.order_by("email").values_list("email", flat=True)
    context = {
        "entries": shown.annotate(can_undo=waitlist.CAN_UNDO).order_by("card__name", "pk"),
        # Behind a link in a mail anybody may be, to whom it was forwarded.
        "addresses": list(emails) if is_own else [email_addresses.masked(e) for e in emails],
        "is_own": is_own,
        "waiting_count": entries.waiting().count() if template == "forget" else 0,
        "votes": votes.own(request.user) if is_own and request.user.pk else [],
    }
    return render(request, f"catalog/waitlist/{template}.html", context, status=status)
