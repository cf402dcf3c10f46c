"""Whether the person who looks at a model waits for it."""

from django import template
from django.contrib.auth.models import AbstractUser, AnonymousUser

from catalog.demand import waitlist
from catalog.models import ModelCard

register = template.Library()


@register.simple_tag
def waitlist_position(card: ModelCard, user: AbstractUser | AnonymousUser) -> int | None:
    """The person's place, 1 for the first; None: not in line. Of a stranger nothing is asked."""
    if not isinstance(user, AbstractUser):
        return None
    return waitlist.best_position(waitlist.own_entries(user).waiting().filter(card=card))
