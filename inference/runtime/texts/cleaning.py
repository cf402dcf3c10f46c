"""How open_clip's tokenizers clean a line, by the names that its configurations have for it.

Written anew, as importing open_clip imports torch; the tests compare them with the originals.
"""

import string
from collections.abc import Callable, Mapping
from typing import Any

_PUNCTUATION = str.maketrans("", "", string.punctuation)

Finish = Callable[[str], str]


def _whitespace(line: str) -> str:
    return " ".join(line.split())


def _lower(line: str) -> str:
    return _whitespace(line).lower()


def _canonical(line: str) -> str:
    return _whitespace(line.replace("_", " ").translate(_PUNCTUATION).lower())


# What each does after `simple_reader.cleaned_lines`.
FINISHERS: Mapping[str, Finish] = {
    "lower": _lower,
    "whitespace": _whitespace,
    "canonicalize": _canonical,
}


# Any: open_clip ships no types.
def name_of(clean: Any) -> str:
    """The name of one of open_clip's clean functions; raises KeyError for any other."""
    from open_clip.tokenizer import get_clean_fn

    names = {get_clean_fn(name): name for name in FINISHERS}
    return names[clean]
