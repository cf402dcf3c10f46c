"""Labels as people type them: one a line, or separated by commas.

InvalidLabels      root; `str(error)` is a sentence for people
"""

import re

from inference.kinds.fields.texts import MAX_MARKS, has_too_many_marks, is_blank

MAX_LABELS = 100
MAX_CHARACTERS = 200
DEFAULT_TEMPLATE = "a photo of {}"


class InvalidLabels(Exception):
    pass


def parse(text: str) -> list[str]:
    """Labels in the order typed, each once, without what separates them; raises InvalidLabels.

    >>> parse("a cat, a dog\\na cat")
    ['a cat', 'a dog']
    """
    # Each once, by dict: that keeps the order in which they were typed.
    typed = (label.strip() for label in re.split(r"[,\n]", text))
    labels = list(dict.fromkeys(label for label in typed if not is_blank(label)))
    if not labels:
        raise InvalidLabels("Please type at least one label, such as “a cat”.")
    if len(labels) > MAX_LABELS:
        raise InvalidLabels(f"That is {len(labels):,} labels; the playground takes {MAX_LABELS}.")
    if (longest := max(map(len, labels))) > MAX_CHARACTERS:
        raise InvalidLabels(
            f"One label has {longest:,} characters; {MAX_CHARACTERS} are the most a label may have."
        )
    if any(map(has_too_many_marks, labels)):
        raise InvalidLabels(f"One label has more than {MAX_MARKS} combining marks in a row.")
    return labels
