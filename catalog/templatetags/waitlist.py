"""At which position the person who looks at a model waits for it."""

from django import template
from django.contrib.auth.models import AbstractUser, AnonymousUser

from catalog.demand import waitlist
from catalog.models import ModelCard

register = template.Library()


@register.simple_tag
def waitlist_position(card: ModelCard, user: AbstractUser | AnonymousUser) -> int | None:
    """1 for the first; None for who does not wait."""
    # Pages of anonymous visitors are shared, and ask the database nothing here.
    if not isinstance(user, AbstractUser):
        return None
    return waitlist.best_position(waitlist.own_entries(user).waiting().filter(card=card))
