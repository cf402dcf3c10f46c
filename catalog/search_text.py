"""Text as simple words, so that different spellings of one name meet; an expression in SQL."""

from django.db.models import F, Func, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Lower


def _joined(*texts: Combinable) -> Func:
    # PostgreSQL's concat() is not immutable, so no generated column may use it: `a || b` is.
    # A class of ours would be named by migration 0001, which must not import live code.
    return Func(*texts, template="(%(expressions)s)", arg_joiner=" || ", output_field=TextField())


def simple_words(*fields: str) -> Lower:
    """Fields as one text of lower-case words, cut between letters and digits (SQL expression)."""
    text: Combinable = Value("")
    for field in fields:
        text = _joined(text, Value(" "), F(field))
    for pattern, replacement in [
        ("[^A-Za-z0-9]+", " "),
        ("([A-Za-z])([0-9])", r"\1 \2"),
        ("([0-9])([A-Za-z])", r"\1 \2"),
    ]:
        text = Func(text, Value(pattern), Value(replacement), Value("g"), function="regexp_replace")
    return Lower(text, output_field=TextField())
