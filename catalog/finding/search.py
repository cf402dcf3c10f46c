"""Finding cards by what people type: names as they are called, in any order, mistakes allowed.

PostgreSQL keeps two texts of each card: `search_text`, all its simple words, and `search_names`, a
line for each name that it has. A query is read as terms (`catalog.finding.terms`), and each must
stand in the card's text, or begin a word of it, or hold of its figures.

First come the cards that are called exactly what was typed; then those whose words fit best. Of
equals the family of that name, the original before what was tuned from it, and the plainest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Case, FloatField, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from catalog.finding import vocabulary
from catalog.finding.terms import Term, terms_of, words_of
from catalog.models import ModelCardQuerySet

__all__ = ["Word", "find", "read", "words_of"]

# What a card's place is made of; together 1 at most.
OF_WORDS, OF_NAME, OF_FAMILY, OF_ORIGIN, OF_PLAINNESS = 0.55, 0.25, 0.06, 0.04, 0.06
OF_BEING_UNTUNED, OF_OWNER = 0.03, 0.01
MISSPELT = 0.9
NOT_BY_NAME = 0.92
TUNED = ["finetuned", "ft", "soup", "rewind", "augreg", "mrl", "altogether", "ltt"]


@dataclass(frozen=True)
class Word:
    """A term of a query; `is_known` says that some card has it as it was typed."""

    term: Term

    @property
    def text(self) -> str:
        return self.term.text

    @property
    def is_known(self) -> bool:
        return self.term.is_known

    @property
    def fits(self) -> Q:
        fits = self.term.condition or Q()
        for phrase in self.term.phrases:
            fits |= _begins(phrase) if _may_go_on(phrase) else _stands_in(phrase)
        return fits

    @property
    def resemblance(self) -> Combinable:
        """0 to 1. To a word it begins, as pg_trgm has it: of its n + 1 trigrams all but one."""
        share = 1.0 if self.is_known else MISSPELT
        named = self.term.condition or Q()
        whole = Q()
        for phrase in self.term.phrases:
            named |= Q(search_names__contains=phrase)
            whole |= _stands_in(phrase)
        if not self.term.phrases:
            return Value(share)
        begins = len(self.text) / (len(self.text) + 1)
        # What a card is called counts for more than what is told of it.
        return Value(share) * Case(
            When(named & whole, then=Value(1.0)),
            When(self.term.condition or whole, then=Value(NOT_BY_NAME)),
            default=Value(begins * NOT_BY_NAME),
            output_field=FloatField(),
        )


def read(query: str) -> list[Word]:
    """The terms of a query, with what was misspelt put right: one query to the database."""
    if not words_of(query):
        return []
    return [Word(term) for term in terms_of(query, vocabulary.current())]


def find(cards: ModelCardQuerySet, words: Sequence[Word]) -> ModelCardQuerySet:
    """The cards that every word fits, annotated with `resemblance` (0 to 1)."""
    if not words:
        return cards.annotate(resemblance=Value(0.0, output_field=FloatField()))
    mean: Combinable = Value(0.0)
    for word in words:
        cards = cards.filter(word.fits)
        mean = mean + word.resemblance
    mean = Value(OF_WORDS / len(words)) * mean
    for part in _preferences(words):
        mean = mean + part
    return cards.annotate(resemblance=Cast(mean, FloatField()))


def _preferences(words: Sequence[Word]) -> list[Combinable]:
    name = " ".join(word.text for word in words)
    typed = " ".join(word.term.typed for word in words)
    texts = {word.text for word in words}
    tuned = Q()
    for mark in TUNED:
        if mark not in texts:
            tuned |= _stands_in(mark)
    parts = [
        _worth(OF_NAME, _is_called(typed) | _is_called(name)),
        _worth(OF_FAMILY, Q(family__iexact=name)),
        _worth(OF_ORIGIN, Q(repo__startswith="openai/") | Q(repo__endswith=".openai")),
        _worth(OF_BEING_UNTUNED, ~tuned),
        _worth(OF_OWNER, Q(repo__istartswith=f"{words[0].text}/")),
    ]
    # Whoever names a size means one model, and of several the one with no more to its name.
    if any(sign.isdigit() for sign in name):
        parts.append(Value(OF_PLAINNESS / 2) * TrigramSimilarity("open_clip_model", name))
        if not any(word.text.isdigit() for word in words):
            plain = ~Q(open_clip_model__regex=r"-\d{3}(-|$)")
            parts.append(_worth(OF_PLAINNESS / 2, plain))
    return parts


def _is_called(name: str) -> Q:
    return Q(search_names__contains=f"\n{name}\n")


def _worth(share: float, condition: Q) -> Combinable:
    return Case(When(condition, then=Value(share)), default=0.0, output_field=FloatField())


def _may_go_on(phrase: str) -> bool:
    # A single letter or digit begins far too many.
    return len(phrase.rpartition(" ")[2]) > 1


def _stands_in(phrase: str) -> Q:
    return Q(search_text__contains=f" {phrase} ") | Q(search_text__endswith=f" {phrase}")


def _begins(phrase: str) -> Q:
    return Q(search_text__contains=f" {phrase}")
