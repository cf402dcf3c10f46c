"""Why somebody is asked to sign in: by the page that the sign-in leads to."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve

from catalog.demand import pending
from catalog.models import ModelCard

# By the name of the page's address; a sentence begins "Sign in ...".
SENTENCES = {
    "api_keys": "to make an API key",
    "webhooks": "to set up webhooks",
    "credit": "to see your credit",
    "account": "to open your account",
    "waitlist-own": "to see your votes and waitlists",
    "request-model": "to request a model",
    "playground": "and go on in the playground with your account",
    "job": "and come back to your result",
}


@dataclass(frozen=True)
class Purpose:
    """`sentence` completes "Sign in ..."; `kept` says what is done as soon as they have."""

    sentence: str
    kept: str = ""


def of(request: HttpRequest, leads_to: str | None) -> Purpose | None:
    """`leads_to`: a path of this site, checked by allauth. None: there is nothing to say."""
    if not leads_to:
        return None
    begun = pending.of(request)
    is_begun = begun is not None and begun.page == leads_to
    match = _resolve(leads_to)
    if match is None:
        return None
    if match.url_name == "vote":
        kept = "Your vote is kept, and counts as soon as you're signed in." if is_begun else ""
        return _about_model(match, "to vote for {}", kept)
    if match.url_name == "model" and begun and is_begun:
        kept = "Your place is kept, and you join as soon as you're signed in."
        return _about_model(match, "to join the waitlist for {}", kept)
    if match.url_name == "model":
        return _about_model(match, "and come back to {}")
    if match.namespace == "admin" or match.route.startswith("admin/"):
        return Purpose("to open the admin")
    sentence = SENTENCES.get(match.url_name or "")
    return Purpose(sentence) if sentence else None


def _resolve(path: str) -> ResolverMatch | None:
    try:
        return resolve(urlsplit(path).path)
    except (Resolver404, ValueError):  # ValueError: no address at all
        return None


def _about_model(match: ResolverMatch, sentence: str, kept: str = "") -> Purpose | None:
    repo = f"{match.kwargs['owner']}/{match.kwargs['name']}"
    card = ModelCard.objects.real().filter(repo=repo).first()
    return Purpose(sentence.format(card.name), kept) if card else None
