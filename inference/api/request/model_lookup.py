"""Which model is meant, and whether it can be called now."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.conf import settings
from django.contrib.postgres.search import TrigramSimilarity
from django.urls import reverse

from catalog.models import ModelCard, Stage
from inference.api.errors import ApiError, Gone, NotFound, Unavailable
from inference.api.threads import return_connection
from inference.models import Worker

MAX_CHARACTERS = 200
WARMING_RETRY_S = 10
MOST_KEPT = 1000

T = TypeVar("T")


class Kept(Generic[T]):
    """What a web process has looked up a moment ago, by name: every call asks it."""

    def __init__(self, ask: Callable[[str], T]) -> None:
        self._ask = ask
        self._known: dict[str, tuple[float, T]] = {}

    def get(self, name: str) -> T:
        """At most `settings.MODEL_CACHE_S` old. Raises what asking raises, and keeps no failure."""
        asked_s, known = self._known.get(name, (-1e9, None))
        now_s = time.monotonic()
        if known is not None and now_s - asked_s < settings.MODEL_CACHE_S:
            return known
        found = self._ask(name)
        if len(self._known) >= MOST_KEPT:
            self._known.clear()  # each name has many spellings, and strangers choose them
        self._known[name] = now_s, found
        return found


def find(name: str) -> ModelCard:
    """The card of a repo id, a bare name, a former name, in any capitals. Raises NotFound."""
    is_sane = 0 < len(name) <= MAX_CHARACTERS and "\0" not in name
    cards = ModelCard.objects.select_related("successor")
    meant = list(cards.called(name) or cards.formerly(name)) if is_sane else []
    if len(meant) == 1:
        return meant[0]
    likely = sorted(card.repo for card in meant) or (_like(name) if is_sane else [])
    hint = f" Did you mean {' or '.join(likely)}?" if likely else ""
    raise NotFound(
        f"There is no model {name[:MAX_CHARACTERS]}.{hint}",
        code="model_not_found",
        param="model",
        metadata={"did_you_mean": likely},
    )


def _like(name: str) -> list[str]:
    cards = ModelCard.objects.real().annotate(likeness=TrigramSimilarity("repo", name))
    found = cards.filter(likeness__gt=0.25).order_by("-likeness", "repo")
    return list(found.values_list("repo", flat=True)[:3])


def find_callable(name: str, *, is_patient: bool = False) -> ModelCard:
    """A model that can be called; raises NotFound, Gone or Unavailable.

    `is_patient`: the job may wait for a worker to come. The thread's connection goes back to the
    pool: every dialect goes on by decoding what was sent, up to 16 MB.
    """
    card = _cards.get(name)
    if card.status == Stage.RETIRED:
        raise _retired(card)
    if not card.status.is_callable:
        raise _not_live(card)
    if not is_patient and card.repo not in _served.get(""):
        raise Unavailable(
            f"No worker has {card.repo} loaded at this moment. Please try again in a few seconds,"
            " or let the job wait for one: `Prefer: respond-async`.",
            retry_after_s=WARMING_RETRY_S,
            code="model_warming",
            param="model",
        )
    return_connection()
    return card


_cards = Kept(find)
_served = Kept(lambda _: Worker.objects.served_repos())


def _retired(card: ModelCard) -> ApiError:
    successor = successor_of(card)
    hint = f" Use {successor} instead." if successor else ""
    return Gone(
        f"{card.repo} has been retired.{hint}",
        code="model_retired",
        param="model",
        metadata={"successor": successor, "page": page_of(card)},
    )


def _not_live(card: ModelCard) -> ApiError:
    vote = reverse("vote", args=[card.owner, card.short_name])
    return NotFound(
        f"{card.repo} is not live yet.",
        code="model_not_live",
        param="model",
        metadata={
            "status": status_of(card),
            "vote_url": f"{settings.SITE_URL}{vote}",
            "page": page_of(card),
        },
    )


def page_of(card: ModelCard) -> str:
    return f"{settings.SITE_URL}{card.get_absolute_url()}"


def successor_of(card: ModelCard) -> str | None:
    """The id of the model to use in place of a deprecated or retired one."""
    return card.use_instead.repo if card.use_instead else None


def status_of(card: ModelCard) -> str:
    return "coming_soon" if card.is_coming_soon else str(card.stage)
