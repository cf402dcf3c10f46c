"""What an account is worth: the welcome credit for visitors, the balance for its owner."""

from collections.abc import Collection

from django import template
from django.contrib.auth.models import AnonymousUser

from accounts import credits
from accounts.gifts import offer
from accounts.models import User
from catalog.models import ModelCard

register = template.Library()
register.simple_tag(offer.welcome_offer)


@register.simple_tag
def balance_of(user: User | AnonymousUser) -> int | None:
    """What a person may spend now, in µ$; None for visitors, whose pages are shared."""
    return credits.available_to(user) if isinstance(user, User) else None


@register.simple_tag
def first_call_model(served_repos: Collection[str]) -> ModelCard | None:
    """What a new key can call now: a real model if one answers, else the stand-in."""
    served = ModelCard.objects.callable().filter(repo__in=served_repos)
    cards = served.order_by("is_stand_in", "repo")
    return next((card for card in cards if card.is_priced), None)


@register.simple_tag
def images_for(micro_usd: int, card: ModelCard) -> int | None:
    """How many images of the model a sum buys at its price; None: it has none."""
    price = card.price
    return price.images_for(micro_usd) if price and price.nano_usd_per_image else None
