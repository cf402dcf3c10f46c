"""Text as simple words, so that different spellings of one name meet; an expression in SQL."""

from django.db.models import F, Func, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Lower


def _joined(*texts: Combinable) -> Func:
    # PostgreSQL's concat() is not immutable, so no generated column may use it: `a || b` is.
    # A class of ours would be named by migration 0001, which must not import live code.
    return Func(*texts, template="(%(expressions)s)", arg_joiner=" || ", output_field=TextField())


# Cut between letters and digits; "EVA02" and "EVA2" are one name.
CUTS = [
    ("([A-Za-z])([0-9])", r"\1 \2"),
    ("([0-9])([A-Za-z])", r"\1 \2"),
    (r"\m0+([0-9])", r"\1"),
]


def simple_words(*fields: str) -> Lower:
    """Fields as one text of lower-case words, cut between letters and digits (SQL expression)."""
    text: Combinable = Value("")
    for field in fields:
        text = _joined(text, Value(" "), F(field))
    return _replaced(text, [("[^A-Za-z0-9]+", " "), *CUTS])


def simple_names(*fields: str) -> Lower:
    """The same, but with a line break around each name; a field may hold one name a line."""
    text: Combinable = Value("\n")
    for field in fields:
        text = _joined(text, F(field), Value("\n"))
    # The repo id counts without its owner, too.
    bare = Func(F("repo"), Value("/"), Value(2), function="split_part", output_field=TextField())
    text = _joined(text, bare, Value("\n"))
    return _replaced(text, [("[^A-Za-z0-9\n]+", " "), *CUTS, (" *\n *", "\n")])


def _replaced(text: Combinable, replacements: list[tuple[str, str]]) -> Lower:
    for pattern, replacement in replacements:
        text = Func(text, Value(pattern), Value(replacement), Value("g"), function="regexp_replace")
    return Lower(text, output_field=TextField())
