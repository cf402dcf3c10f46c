"""The words of all cards: which of them somebody may have meant by a word that no card has.

vocabulary.current().correct("laoin")      # "laion"
vocabulary.current().split("vitl")         # ["vit", "l"]
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property, lru_cache
from itertools import pairwise
from time import monotonic

from django.db.models import BigIntegerField, Count, F, Func, Max, Sum

from catalog.models import ModelCard

SIZE_LETTERS = frozenset("tsblhge") | {"bigg", "xl"}
SHORTEST_PIECE = 3
# Of difflib's ratio. A word of four letters with one other letter is another word: blip, clip.
ENOUGH, ENOUGH_OF_SHORT, SHORT = 0.74, 0.85, 4


@dataclass(frozen=True)
class Vocabulary:
    """All words, sorted, and all pairs of words that stand side by side in some card."""

    words: Sequence[str]
    pairs: frozenset[tuple[str, str]]

    @cached_property
    def whole(self) -> frozenset[str]:
        return frozenset(self.words)

    def knows(self, word: str) -> bool:
        """Whether some card has this word, or, of two letters and more, one that begins with it."""
        if len(word) == 1:
            return word in self.whole
        place = bisect_left(self.words, word)
        return place < len(self.words) and self.words[place].startswith(word)

    def split(self, word: str) -> list[str]:
        """The known words that are glued together in it, longest first; [] if it is none such."""
        for end in range(len(word) - 1, SHORTEST_PIECE - 1, -1):
            head, rest = word[:end], word[end:]
            if head not in self.whole:
                continue
            if rest in SIZE_LETTERS or (len(rest) >= SHORTEST_PIECE and rest in self.whole):
                return [head, rest]
            if following := self.split(rest):
                return [head, *following]
        return []

    def correct(self, word: str, *, also: Iterable[str] = ()) -> str:
        """The word that was probably meant: of the cards', or of `also`; "" if none is near."""
        if len(word) < SHORTEST_PIECE:
            return ""
        # People rarely get the first letter wrong, but for two that changed places.
        likely = [other for other in {*self.whole, *also} if _may_be(word, other)]
        letters = sorted(word)
        swapped = sorted(other for other in likely if sorted(other) == letters)
        if swapped:
            return swapped[0]
        enough = ENOUGH_OF_SHORT if len(word) <= SHORT else ENOUGH
        return next(iter(get_close_matches(word, sorted(likely), n=1, cutoff=enough)), "")


def _may_be(word: str, other: str) -> bool:
    if abs(len(word) - len(other)) > 2 or len(other) < SHORTEST_PIECE or not other.isalpha():
        return False
    return word[0] == other[0] or word[:2] == other[1::-1]


def current(*, now_s: float | None = None) -> Vocabulary:
    """Of all cards as they are; deleted cards, and what was committed late, within a minute.

    `now_s` is of the monotonic clock.
    """
    # Both come from an index: this is asked at each search.
    newest = ModelCard.objects.aggregate(pk=Max("pk"), changed_at=Max("changed_at"))
    minute = int((monotonic() if now_s is None else now_s) // 60)
    return _as_of(minute, newest["pk"], newest["changed_at"])


# The arguments are what tells a changed catalog; of old ones none is kept.
@lru_cache(maxsize=1)
def _as_of(minute: int, pk: int | None, changed_at: datetime | None) -> Vocabulary:
    """Read anew only if some card has other words: a card's downloads change every day."""
    text_hash = Func(F("search_text"), function="hashtext", output_field=BigIntegerField())
    texts = ModelCard.objects.aggregate(cards=Count("pk"), hashes=Sum(text_hash))
    return _read(texts["cards"], texts["hashes"])


@lru_cache(maxsize=1)
def _read(cards: int, hashes: Decimal | None) -> Vocabulary:
    words: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for text in ModelCard.objects.values_list("search_text", flat=True).iterator():
        of_card = text.split()
        words.update(of_card)
        pairs.update(pairwise(of_card))
    return Vocabulary(sorted(words), frozenset(pairs))
