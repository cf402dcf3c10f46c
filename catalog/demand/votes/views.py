"""Voting: a page for each model, and the answers to its button, pressed and pressed again."""

from collections.abc import Callable
from functools import wraps
from typing import cast

from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from catalog.demand import pending, votes
from catalog.demand.pending import Pending
from catalog.demand.votes.forms import LONGEST_VOLUME, VolumeForm
from catalog.http import HtmxRequest, SignedInRequest
from catalog.limits import Refused
from catalog.models import ModelCard

View = Callable[[SignedInRequest, str, str], HttpResponse]


def signed_in(
    *, keeps_vote: bool
) -> Callable[[View], Callable[[HtmxRequest, str, str], HttpResponse]]:
    """Lead anonymous visitors to sign-in, and from there to the model's vote page.

    `keeps_vote`: what they pressed is cast as they come back. Whoever is signed in has a confirmed
    address: there is no way in but by one.
    """

    def decorate(view: View) -> Callable[[HtmxRequest, str, str], HttpResponse]:
        @wraps(view)
        def gate(request: HtmxRequest, owner: str, name: str) -> HttpResponse:
            if request.user.is_authenticated:
                return view(cast(SignedInRequest, request), owner, name)  # just asked
            to_sign_in = redirect_to_login(reverse("vote", args=[owner, name]))
            response = HttpResponseClientRedirect(to_sign_in.url) if request.htmx else to_sign_in
            if keeps_vote:
                volume = request.POST.get("images_per_month", "")[:LONGEST_VOLUME]
                pending.remember(request, response, Pending("vote", f"{owner}/{name}", volume))
            return response

        return gate

    return decorate


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in(keeps_vote=True)
@never_cache
def vote(request: SignedInRequest, owner: str, name: str) -> HttpResponse:
    """GET shows the model's vote page; POST casts the vote, with the volume if the form has it."""
    person, card = request.user, _card(request, owner, name)
    if request.method != "POST":
        return _page(request, card, VolumeForm(initial=_volume_of(card, person)))
    states_volume = "images_per_month" in request.POST
    form = VolumeForm(request.POST)
    if states_volume and not form.is_valid():
        return _page(request, card, form, status=400)
    try:
        votes.limit_rate(person)
        votes.cast(card, person)
    except (votes.VoteRefused, Refused) as refusal:
        return _refused(request, card, refusal)
    if states_volume:
        votes.state_volume(card, person, form.cleaned_data["images_per_month"])
    return _done(request, card, f"Your vote for {card.name} counts.")


@require_POST
@signed_in(keeps_vote=False)
@never_cache
def withdraw_vote(request: SignedInRequest, owner: str, name: str) -> HttpResponse:
    person, card = request.user, _card(request, owner, name)
    try:
        votes.limit_rate(person)
        votes.withdraw(card, person)
    except (votes.VoteRefused, Refused) as refusal:
        return _refused(request, card, refusal)
    return _done(request, card, f"Your vote for {card.name} has been withdrawn.")


def _card(request: SignedInRequest, owner: str, name: str) -> ModelCard:
    """The model, with its votes and whether the person's is among them."""
    cards = ModelCard.objects.real().annotate(
        votes_counted=votes.count_expression(), has_my_vote=votes.has_vote_of(request.user)
    )
    return get_object_or_404(cards, repo=f"{owner}/{name}")


def _volume_of(card: ModelCard, person: AbstractUser) -> dict[str, object]:
    votes_of_person = card.votes.filter(user_id=person.pk)
    volume = votes_of_person.values_list("images_per_month", flat=True).first()
    return {"images_per_month": f"{volume:,}" if volume else ""}


def _page(
    request: HttpRequest, card: ModelCard, form: VolumeForm, *, status: int = 200
) -> HttpResponse:
    return render(request, "catalog/demand/vote.html", {"card": card, "form": form}, status=status)


def _done(request: SignedInRequest, card: ModelCard, message: str) -> HttpResponse:
    if request.htmx:
        return render(
            request,
            "catalog/demand/_vote.html",
            {"card": _card(request, card.owner, card.short_name)},
        )
    messages.success(request, message)
    # A word, not an address: by an address people could be led to other sites.
    if request.POST.get("back") == "roadmap":
        return redirect(f"{reverse('roadmap')}#vote-{card.pk}")
    return redirect(card)


def _refused(
    request: SignedInRequest, card: ModelCard, refusal: votes.VoteRefused | Refused
) -> HttpResponse:
    """Say why on the page; htmx loads it anew."""
    messages.error(request, str(refusal))
    if isinstance(refusal, votes.VoteRefused):
        return HttpResponseClientRefresh() if request.htmx else redirect(card)
    if request.htmx:
        response: HttpResponse = HttpResponseClientRefresh()
        response.status_code = refusal.status
    else:
        form = VolumeForm(initial=_volume_of(card, request.user))
        response = _page(request, card, form, status=refusal.status)
    response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response
