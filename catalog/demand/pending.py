"""What a visitor began before signing in, completed once the code is typed in the same browser.

It waits in a signed cookie for an hour: nothing is stored for visitors who never come back, and
nobody else's browser can complete it. Only the sign-in that leads back to `page` does so, and that
sign-in has said what it is for, so no other site can make somebody vote unawares.
"""

from dataclasses import asdict, dataclass
from typing import Literal

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from catalog.demand import votes, waitlist
from catalog.demand.votes.forms import VolumeForm
from catalog.http import client_address, is_from_elsewhere
from catalog.limits import Refused
from catalog.models import ModelCard

COOKIE = "begun"
SALT = "catalog.demand.pending"
KEPT_FOR_S = 60 * 60


@dataclass(frozen=True)
class Pending:
    """A vote, with the volume as typed, or a place on a waitlist."""

    act: Literal["vote", "join"]
    repo: str
    images_per_month: str = ""

    @property
    def page(self) -> str:
        """Where the sign-in that completes this leads."""
        return reverse("vote" if self.act == "vote" else "model", args=self.repo.split("/"))


def remember(request: HttpRequest, response: HttpResponseBase, pending: Pending) -> None:
    """Keep it in this browser, unless another site's page sent the visitor here."""
    if is_from_elsewhere(request):
        return
    response.set_cookie(
        COOKIE,
        signing.dumps(asdict(pending), salt=SALT),
        max_age=KEPT_FOR_S,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def of(request: HttpRequest) -> Pending | None:
    """What this browser began within the hour."""
    text = request.COOKIES.get(COOKIE)
    if not text:
        return None
    try:
        return Pending(**signing.loads(text, salt=SALT, max_age=KEPT_FOR_S))
    except (signing.BadSignature, TypeError):  # TypeError: written by another version of ours
        return None


def complete(
    request: HttpRequest, response: HttpResponseBase, user: AbstractUser, *, leads_to: str
) -> None:
    """Do what was begun if this sign-in leads there, say how it went, and forget it."""
    pending = of(request)
    if COOKIE in request.COOKIES:
        response.delete_cookie(COOKIE, samesite="Lax")
    if pending is None or pending.page != leads_to:
        return
    card = ModelCard.objects.real().filter(repo=pending.repo).first()
    if card is None:
        return
    try:
        done = _vote(card, user, pending) if pending.act == "vote" else _join(request, card, user)
    except (votes.VoteRefused, waitlist.Closed, waitlist.NotConfirmed, Refused) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)


def _vote(card: ModelCard, user: AbstractUser, pending: Pending) -> str:
    votes.limit_rate(user)
    votes.cast(card, user)
    form = VolumeForm({"images_per_month": pending.images_per_month})
    if pending.images_per_month and form.is_valid():
        votes.state_volume(card, user, form.cleaned_data["images_per_month"])
    return f"You're signed in, and your vote for {card.name} counts."


def _join(request: HttpRequest, card: ModelCard, user: AbstractUser) -> str:
    waitlist.join(card, user, consent_address=client_address(request))
    return f"You're signed in, and on the waitlist for {card.name}."
