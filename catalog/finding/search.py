"""Finding cards by what people type: any order of words, typing mistakes allowed.

Every card has a text of simple words (`search_text`, kept by PostgreSQL itself): repo, name,
family, architecture and training data in lower case, cut between letters and digits, so that
"vit l14 openai" and "openai/clip-vit-large-patch14" meet. Each word of a query must be a word of
that text or begin one. A word that does so in no card at all is taken for misspelt: it must
resemble some word of the text (pg_trgm's word similarity). The mean resemblance ranks, downloads
break ties.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db.models import Case, Exists, FloatField, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from catalog.models import ModelCard, ModelCardQuerySet

MAX_WORDS = 8


@dataclass(frozen=True)
class Word:
    """A word of a query; `is_known` says that some card has it, or one that begins with it."""

    text: str
    is_known: bool

    @property
    def fits(self) -> Q:
        if not self.is_known:
            return Q(search_text__trigram_word_similar=self.text)
        # A single letter begins far too many words.
        return _begins_a_word(self.text) if len(self.text) > 1 else _stands_in(self.text)

    @property
    def resemblance(self) -> Combinable:
        """0 to 1. To a word it begins, as pg_trgm has it: of its n + 1 trigrams all but one."""
        if not self.is_known:
            return TrigramWordSimilarity(self.text, "search_text")
        begins = Value(len(self.text) / (len(self.text) + 1))
        whole = When(_stands_in(self.text), then=Value(1.0))
        return Case(whole, default=begins, output_field=FloatField())


def words_of(query: str) -> list[str]:
    """The words of a query, cut as the cards' texts are.

    >>> words_of("ViT-L14, OpenAI")
    ['vit', 'l', '14', 'openai']
    """
    return re.findall(r"[a-z]+|[0-9]+", query.lower())[:MAX_WORDS]


def read(query: str) -> list[Word]:
    """The words of a query, and which of them some card knows: one query to the database."""
    words = words_of(query)
    if not words:
        return []
    # Asked first, because similarity costs a hundred times what a look at the text does: computed
    # for every card, it would make a search in 10,000 cards slow.
    questions = {
        f"knows_{i}": Exists(ModelCard.objects.filter(Word(word, is_known=True).fits))
        for i, word in enumerate(words)
    }
    answer = ModelCard.objects.annotate(**questions).values_list(*questions)[:1]
    known = next(iter(answer), [False] * len(words))
    return [Word(word, is_known) for word, is_known in zip(words, known, strict=True)]


def find(cards: ModelCardQuerySet, words: Sequence[Word]) -> ModelCardQuerySet:
    """The cards that every word fits, annotated with `resemblance` (0 to 1)."""
    resemblance: Combinable = Value(0.0)
    for word in words:
        cards = cards.filter(word.fits)
        resemblance = resemblance + word.resemblance
    return cards.annotate(
        resemblance=Cast(resemblance / Value(float(len(words) or 1)), FloatField())
    )


def _stands_in(word: str) -> Q:
    return Q(search_text__contains=f" {word} ") | Q(search_text__endswith=f" {word}")


def _begins_a_word(word: str) -> Q:
    return Q(search_text__contains=f" {word}")
