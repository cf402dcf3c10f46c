"""Pages by key, not by number: stable while cards are added, and as quick at the end as first.

A list is ordered by two numbers and the repo id, all rising. The address of the next page holds
those three of the last card shown.
"""

import base64
import binascii
import json
from dataclasses import dataclass

from django.db.models import FloatField, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce

from catalog.models import ModelCard, ModelCardQuerySet

PAGE_SIZE = 40
UNKNOWN = 1e18  # beyond every figure: unknown comes last, whichever way the list runs


@dataclass(frozen=True)
class Page:
    """Some cards, how many come before them, and the key of the next page, if there is one."""

    cards: list[ModelCard]
    next_key: str = ""
    before: int = 0

    @property
    def first(self) -> int:
        return self.before + 1

    @property
    def last(self) -> int:
        return self.before + len(self.cards)


def rising(figure: Combinable) -> Combinable:
    """A sort key: small figures first, unknown last."""
    return Coalesce(Cast(figure, FloatField()), Value(UNKNOWN))


def falling(figure: Combinable) -> Combinable:
    """A sort key: large figures first, unknown last."""
    return Coalesce(-Cast(figure, FloatField()), Value(UNKNOWN))


def page_of(cards: ModelCardQuerySet, *, by: Combinable, then: Combinable, after: str = "") -> Page:
    """One page in the order of `by`, `then`, repo; `after` is a key from an earlier page.

    A key that makes no sense gives the first page.
    """
    ordered = cards.annotate(by=by, then=then).order_by("by", "then", "repo")
    # One more than is shown tells whether there is another page.
    beyond = _beyond(_read_key(after))
    fetched = list(ordered.filter(beyond)[: PAGE_SIZE + 1])
    shown, has_more = fetched[:PAGE_SIZE], len(fetched) > PAGE_SIZE
    # All figures of a key are known (unknown ones have their number), so that ~ leaves none out.
    before = ordered.filter(~beyond).count() if beyond else 0
    return Page(shown, _key_of(shown[-1]) if has_more else "", before)


def _beyond(key: tuple[float, float, str] | None) -> Q:
    if key is None:
        return Q()
    by, then, repo = key
    # (by, then, repo) > key, written out: querysets have no row comparison.
    return Q(by__gt=by) | Q(by=by, then__gt=then) | Q(by=by, then=then, repo__gt=repo)


def _key_of(card: ModelCard) -> str:
    values = [getattr(card, "by"), getattr(card, "then"), card.repo]  # noqa: B009  annotations
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _read_key(text: str) -> tuple[float, float, str] | None:
    try:
        by, then, repo = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        # JSON can spell half a surrogate pair, which is no text: encoding refuses it.
        return float(by), float(then), str(repo).replace("\0", "").encode().decode()
    except (ValueError, TypeError, OverflowError, binascii.Error):
        return None
