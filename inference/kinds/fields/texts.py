"""Texts as they were sent, and what the model reads of them."""

import itertools
import re
import unicodedata

from ftfy.fixes import fix_c1_controls, remove_control_chars, remove_terminal_escapes

from inference.kinds.errors import FieldError

# Bringing marks into their canonical order is quadratic in their number, in any tokenizer.
# Unicode's own Stream-Safe format has 30 in a row at most.
MAX_MARKS = 100
# Of these, Windows-1252 has no character for `fix_c1_controls` to put in their place.
_C1 = re.compile("[\x80-\x9f]")


def readable(text: str) -> str:
    """Without control characters, taken out as ftfy does it; all else reaches the tokenizer.

    Joiners, variation selectors and tags change what an emoji is, and white space and Unicode's
    forms are the tokenizer's own business (ADR 23).
    """
    if text.isprintable():
        return text
    visible = remove_control_chars(fix_c1_controls(remove_terminal_escapes(text)))
    return _C1.sub("", visible)


def is_blank(text: str) -> bool:
    # C*: control, format, surrogate, but not private, which a font may show; Z*: separators.
    categories = map(unicodedata.category, text)
    return all(category[0] in "CZ" and category != "Co" for category in categories)


def check(text: str, *, name: str, param: str) -> None:
    """Raises FieldError for what no tokenizer should be given; `name` begins the sentence."""
    if is_blank(text):
        raise FieldError(f"{name} must not be empty.", param=param)
    if has_too_many_marks(text):
        raise FieldError(f"{name} has more than {MAX_MARKS} combining marks in a row.", param=param)


def has_too_many_marks(text: str) -> bool:
    # A run that long holds one of these places: most texts are not looked at letter by letter.
    places = range(MAX_MARKS, len(text), MAX_MARKS + 1)
    return any(_marks_around(text, place) > MAX_MARKS for place in places)


def _marks_around(text: str, place: int) -> int:
    """How long the run of combining marks is that this letter belongs to."""
    if not unicodedata.combining(text[place]):
        return 0
    before, behind = text[max(place - MAX_MARKS, 0) : place], text[place : place + MAX_MARKS + 1]
    sides = (before[::-1], behind)
    return sum(1 for side in sides for _ in itertools.takewhile(unicodedata.combining, side))
