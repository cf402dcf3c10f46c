"""Which model is meant, and whether it can be called now."""

from threading import Lock
from typing import Any

from cachetools import TLRUCache, cached
from django.conf import settings
from django.contrib.postgres.search import TrigramSimilarity
from django.urls import reverse

from catalog.models import ModelCard, Stage
from inference.api.errors import ApiError, Gone, NotFound, Unavailable
from inference.api.threads import return_connection
from inference.models import Worker

MAX_CHARACTERS = 200
MAX_LIVE = 8  # named to who asks for a model that there is not
WARMING_RETRY_S = 10
# One model has many spellings, and strangers choose them.
MAX_CACHED = 1000


def short_cache() -> "TLRUCache[object, Any]":
    # How long an entry lives is asked as it is stored, so that tests can turn the cache off: an
    # entry of 0 s is not stored.
    return TLRUCache(MAX_CACHED, lambda _key, _value, now_s: now_s + settings.MODEL_CACHE_S)


def find(name: str) -> ModelCard:
    """The card of a repo id, a bare name, a former name, in any capitals. Raises NotFound."""
    is_sane = 0 < len(name) <= MAX_CHARACTERS and "\0" not in name
    cards = ModelCard.objects.select_related("successor")
    matches = list(cards.called(name) or cards.formerly(name)) if is_sane else []
    if len(matches) == 1:
        return matches[0]
    # A bare name may be that of several owners' models.
    suggestions = sorted(card.repo for card in matches) or (_similar(name) if is_sane else [])
    hint = f" Did you mean {' or '.join(suggestions)}?" if suggestions else ""
    request_page = f"{settings.SITE_URL}{reverse('request-model')}"
    live = _live_repos()
    answering = f" Live now: {', '.join(live)}." if live else ""
    raise NotFound(
        f"There is no model {name[:MAX_CHARACTERS]}.{hint}{answering}"
        f" To request it: {request_page}",
        code="model_not_found",
        param="model",
        metadata={"did_you_mean": suggestions, "live": live, "request_url": request_page},
    )


def _live_repos() -> list[str]:
    """Ids that can be called now, the most wanted first."""
    served = ModelCard.objects.callable().filter(repo__in=Worker.objects.served_repos())
    return [card.repo for card in served.best_first() if card.is_priced][:MAX_LIVE]


def _similar(name: str) -> list[str]:
    cards = ModelCard.objects.real().annotate(similarity=TrigramSimilarity("repo", name))
    similar = cards.filter(similarity__gt=0.25).order_by("-similarity", "repo")
    return list(similar.values_list("repo", flat=True)[:3])


def find_callable(name: str, *, needs_worker: bool = True) -> ModelCard:
    """A model that can be called; raises NotFound, Gone or Unavailable.

    `needs_worker` is False for a job that may wait for one to come.
    """
    card = _find_cached(name)
    if card.status == Stage.RETIRED:
        raise _retired(card)
    if not card.status.is_callable:
        raise _not_live(card)
    if not card.is_priced:
        raise not_priced(card)
    if needs_worker and card.repo not in _served_repos():
        raise Unavailable(
            f"No worker has {card.repo} loaded at this moment. Please try again in a few seconds,"
            " or let the job wait for one: `Prefer: respond-async`.",
            retry_after_s=WARMING_RETRY_S,
            code="model_warming",
            param="model",
        )
    # What follows in every dialect is decoding, up to 16 MB: the pool has better use for it.
    return_connection()
    return card


# Every call asks both of these, so each web process remembers for a second; errors are not cached.
# cachetools locks nothing by itself, and look-ups run in threads.
_find_cached = cached(short_cache(), lock=Lock())(find)


@cached(short_cache(), lock=Lock())
def _served_repos() -> set[str]:
    return Worker.objects.served_repos()


def _retired(card: ModelCard) -> ApiError:
    successor = successor_of(card)
    hint = f" Use {successor} instead." if successor else ""
    return Gone(
        f"{card.repo} has been retired.{hint}",
        code="model_retired",
        param="model",
        metadata={"successor": successor, "page": page_url(card)},
    )


def _not_live(card: ModelCard) -> ApiError:
    vote = reverse("vote", args=[card.owner, card.short_name])
    join = reverse("waitlist", args=[card.owner, card.short_name])
    return NotFound(
        f"{card.repo} is not live yet. Vote for it or join its waitlist: {page_url(card)}",
        code="model_not_live",
        param="model",
        metadata={
            "status": status_of(card),
            "vote_url": f"{settings.SITE_URL}{vote}",
            "waitlist_url": f"{settings.SITE_URL}{join}",
            "page": page_url(card),
        },
    )


def not_priced(card: ModelCard) -> ApiError:
    return NotFound(
        f"{card.repo} has no complete price yet, so it cannot be called with a key. Try it in the"
        " playground, or call another model.",
        code="model_not_priced",
        param="model",
        metadata={"status": status_of(card), "page": page_url(card)},
    )


def page_url(card: ModelCard) -> str:
    return f"{settings.SITE_URL}{card.get_absolute_url()}"


def successor_of(card: ModelCard) -> str | None:
    """The id of the model to use in place of a deprecated or retired one."""
    return card.use_instead.repo if card.use_instead else None


def status_of(card: ModelCard) -> str:
    return "coming_soon" if card.is_coming_soon else str(card.stage)
