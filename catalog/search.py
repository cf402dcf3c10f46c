"""Finding cards by what people type: any order of words, typing mistakes allowed.

Every card has a text of simple words (`search_text`, kept by PostgreSQL itself): repo, name,
family, architecture and training data in lower case, cut between letters and digits, so that
"vit l14 openai" and "openai/clip-vit-large-patch14" meet. Each word of a query must resemble some
word of that text (pg_trgm's word similarity); the mean resemblance ranks, downloads break ties.
"""

import re

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db.models import FloatField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from catalog.models import ModelCardQuerySet

MAX_WORDS = 8


def words_of(query: str) -> list[str]:
    """The words of a query, cut as the cards' texts are.

    >>> words_of("ViT-L14, OpenAI")
    ['vit', 'l', '14', 'openai']
    """
    return re.findall(r"[a-z]+|[0-9]+", query.lower())[:MAX_WORDS]


def find(cards: ModelCardQuerySet, query: str) -> ModelCardQuerySet:
    """The cards that match every word of the query, annotated with `resemblance` (0 to 1)."""
    words = words_of(query)
    resemblance: Combinable = Value(0.0)
    for word in words:
        cards = cards.filter(search_text__trigram_word_similar=word)
        resemblance = resemblance + TrigramWordSimilarity(word, "search_text")
    return cards.annotate(
        resemblance=Cast(resemblance / Value(float(len(words) or 1)), FloatField())
    )
