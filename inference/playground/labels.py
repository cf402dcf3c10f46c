"""Labels as people type them: one a line, or separated by commas.

InvalidLabels      root; `str(error)` is a sentence for people
"""

import re

from inference.kinds.fields.labels import clean

MAX_LABELS = 100
MAX_CHARACTERS = 200
DEFAULT_TEMPLATE = "a photo of {}"


class InvalidLabels(Exception):
    pass


def parse(text: str) -> list[str]:
    """Labels in the order typed, cleaned, each once; raises InvalidLabels.

    >>> parse("a cat, a dog\\na cat")
    ['a cat', 'a dog']
    """
    # Each once, by dict: that keeps the order in which they were typed.
    labels = list(dict.fromkeys(filter(None, map(clean, re.split(r"[,\n]", text)))))
    if not labels:
        raise InvalidLabels("Please type at least one label, such as “a cat”.")
    if len(labels) > MAX_LABELS:
        raise InvalidLabels(f"That is {len(labels):,} labels; the playground takes {MAX_LABELS}.")
    if (longest := max(map(len, labels))) > MAX_CHARACTERS:
        raise InvalidLabels(
            f"One label has {longest:,} characters; {MAX_CHARACTERS} are the most a label may have."
        )
    return labels
