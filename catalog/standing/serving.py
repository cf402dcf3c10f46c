"""Whether a model answers: its stage allows it, and a living worker serves it.

Workers are the business of `inference`, which stands above the catalog and names its function in
`settings.SERVED_REPOS`, as Django's settings name context processors.
"""

from collections.abc import Callable
from enum import StrEnum

from django.conf import settings
from django.utils.module_loading import import_string

from catalog.models import ModelCard, Stage


class Availability(StrEnum):
    COMING_SOON = "coming soon"
    ANSWERS = "answers"
    NO_WORKER = "no worker now"  # its stage allows calls, and nobody takes them
    RETIRED = "retired"


def served_repos() -> set[str]:
    """The models that living workers have announced, by repo id. One query."""
    find: Callable[[], set[str]] = import_string(settings.SERVED_REPOS)
    return find()


def is_served(card: ModelCard) -> bool:
    return card.repo in served_repos()


def availability_of(card: ModelCard, *, is_served: bool) -> Availability:
    if card.is_coming_soon:
        return Availability.COMING_SOON
    if card.status is Stage.RETIRED:
        return Availability.RETIRED
    return Availability.ANSWERS if is_served else Availability.NO_WORKER


def api_providers(card: ModelCard) -> int | None:
    """How many hosts offer the model, we among them once it can be called; None: not stated."""
    if not card.status.is_callable or card.is_stand_in:
        return card.api_providers
    return (card.api_providers or 0) + 1
