"""What people type, as terms: a name's pieces however they are cut, spelt or called.

    "ViT-L/14@336px"      vit, l 14, 336 (an image's size)
    "clip large patch14"  clip, l 14
    "vitl14 apche"        vit, l 14, apache

A size and its patches are one term, because "b 32" is also in "laion2B-s32B". Nothing here asks the
database.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q

from catalog.finding.vocabulary import Vocabulary
from catalog.finding.words import (
    CONDITIONS,
    LARGEST_IMAGE,
    LETTERS,
    NAMESAKES,
    NOISE,
    OWN_WORDS,
    PATCHES,
    SIZES,
    SMALLEST_IMAGE,
    SPELLINGS,
)

MOST_TERMS = 8


@dataclass(frozen=True)
class Term:
    """A card fits if any of `phrases` stands in its text, or `condition` holds of it. `text` is its
    one spelling, `typed` that of the query: `l 14` and `large patch 14`.
    """

    text: str
    typed: str
    phrases: tuple[str, ...] = ()
    condition: Q | None = None
    is_known: bool = True


@dataclass(frozen=True)
class Token:
    """Letters or digits; `is_glued` to the one before, with nothing between them."""

    text: str
    is_glued: bool = False
    is_known: bool = True


def plain(query: str) -> str:
    """Lower case without accents, and one spelling of each thing."""
    text = unicodedata.normalize("NFKD", query).casefold()
    text = "".join(sign for sign in text if not unicodedata.combining(sign))
    for pattern, spelling in SPELLINGS:
        text = re.sub(pattern, spelling, text)
    return text


def words_of(query: str) -> list[str]:
    """The words of a query, cut as the cards' texts are.

    >>> words_of("ViT-L14, OpenAI")
    ['vit', 'l', '14', 'openai']
    """
    return [token.text for token in _tokens(query)]


def terms_of(query: str, vocabulary: Vocabulary) -> list[Term]:
    """At most eight; words that say nothing are left out."""
    tokens = [known for token in _tokens(query) for known in _spelt(token, vocabulary)]
    tokens = _joined(tokens, vocabulary)
    return list(_terms(tokens, vocabulary))[:MOST_TERMS]


def _tokens(query: str) -> list[Token]:
    found = re.finditer(r"[a-z]+|[0-9]+", plain(query))
    tokens: list[Token] = []
    end = -1
    for run in found:
        text = run[0].lstrip("0") or "0"
        tokens.append(Token(text, is_glued=run.start() == end))
        end = run.end()
    return tokens


def _spelt(token: Token, vocabulary: Vocabulary) -> list[Token]:
    """The token itself if somebody knows it; else what is glued together in it, or was meant."""
    word = token.text
    if word.isdigit() or word in OWN_WORDS | NOISE | NAMESAKES.keys() or vocabulary.knows(word):
        return [token]
    if pieces := vocabulary.split(word):
        first, *others = pieces
        return [Token(first, token.is_glued), *(Token(piece, is_glued=True) for piece in others)]
    if meant := vocabulary.correct(word, also=OWN_WORDS):
        return [Token(meant, token.is_glued, is_known=False)]
    return [Token(word, token.is_glued, is_known=False)]


def _joined(tokens: Sequence[Token], vocabulary: Vocabulary) -> list[Token]:
    """`sig lip` as `siglip`, where only the whole is a word."""
    joined: list[Token] = []
    for token in tokens:
        before = joined[-1] if joined else None
        if before and _belong_together(before.text, token.text, vocabulary):
            joined[-1] = Token(before.text + token.text, before.is_glued)
        else:
            joined.append(token)
    return joined


def _belong_together(one: str, other: str, vocabulary: Vocabulary) -> bool:
    if not (one.isalpha() and other.isalpha()) or min(len(one), len(other)) < 2:
        return False
    is_new = not {one, other} <= vocabulary.whole
    return is_new and one + other in vocabulary.whole


def _terms(tokens: Sequence[Token], vocabulary: Vocabulary) -> Iterator[Term]:
    place = 0
    while place < len(tokens):
        term, length = _term_at(tokens[place:], vocabulary)
        if term.text not in NOISE:
            yield term
        place += length


def _term_at(tokens: Sequence[Token], vocabulary: Vocabulary) -> tuple[Term, int]:
    """The term that begins the tokens, and how many of them it takes."""
    first = tokens[0]
    return (
        _size(tokens)
        or _patch(tokens)
        or _glued(tokens, vocabulary)
        or _image_size(tokens)
        or (_word(first, vocabulary), 1)
    )


def _size(tokens: Sequence[Token]) -> tuple[Term, int] | None:
    """`l 14`, `large patch 14`, `bigg 14`: a size and its patches."""
    letter = SIZES.get(tokens[0].text, tokens[0].text)
    skipped = 2 if len(tokens) > 2 and tokens[1].text in ("patch", "p") else 1
    if letter not in LETTERS or len(tokens) <= skipped or tokens[skipped].text not in PATCHES:
        return None
    patch = tokens[skipped].text
    words = [word for word, short in SIZES.items() if short == letter]
    phrases = (f"{letter} {patch}", *(f"{word} patch {patch}" for word in words))
    return Term(phrases[0], _typed(tokens[: skipped + 1]), phrases), skipped + 1


def _patch(tokens: Sequence[Token]) -> tuple[Term, int] | None:
    if len(tokens) < 2 or tokens[0].text != "patch" or tokens[1].text not in PATCHES:
        return None
    patch = tokens[1].text
    text = f"patch {patch}"
    return Term(text, text, (text,), Q(patch_size=int(patch))), 2


def _glued(tokens: Sequence[Token], vocabulary: Vocabulary) -> tuple[Term, int] | None:
    """`rn50`, `400m`, `dfn5b`: one term as far as some card has it so."""
    length = 1
    while length < len(tokens) and tokens[length].is_glued:
        before, word = tokens[length - 1].text, tokens[length].text
        pairs = {(before, word), (_alike(before), word)}
        # Of `l14` in `siglipl14` the size is a term of its own.
        if pairs.isdisjoint(vocabulary.pairs) or (length > 1 and _size(tokens[length - 1 :])):
            break
        length += 1
    if length == 1:
        return None
    text = _typed(tokens[:length])
    rest = text.partition(" ")[2]
    others = (f"{other} {rest}" for other in NAMESAKES.get(tokens[0].text, ()))
    return Term(text, text, (text, *others)), length


def _typed(tokens: Sequence[Token]) -> str:
    return " ".join(token.text for token in tokens)


def _alike(word: str) -> str:
    return NAMESAKES.get(word, (word,))[0]


def _image_size(tokens: Sequence[Token]) -> tuple[Term, int] | None:
    text = tokens[0].text
    if not text.isdigit() or len(text) > 4:
        return None
    if not SMALLEST_IMAGE <= int(text) <= LARGEST_IMAGE:
        return None
    return Term(text, text, (text,), Q(image_size=int(text))), 1


def _word(token: Token, vocabulary: Vocabulary) -> Term:
    word = token.text
    phrases = (word, *NAMESAKES.get(word, ()))
    if word in SIZES:
        phrases = (*phrases, SIZES[word])
    return Term(word, word, phrases, CONDITIONS.get(word), token.is_known)
