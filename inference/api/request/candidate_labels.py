"""Labels and the template around them, as API clients send them."""

import json
from collections.abc import Sequence
from typing import Any

from inference.api.errors import Invalid
from inference.api.flow.serializers import NONE_OF_THESE, SOMETHING_ELSE
from inference.api.schemas.requests import LABEL_CHARACTERS, MOST_LABELS
from inference.playground import labels

DEFAULT_TEMPLATE = "This is a photo of {}."


def read(given: Any, *, param: str, none_of_these: bool = False) -> list[str]:
    """Cleaned labels in order; raises Invalid. A string is JSON, or is split at its commas.

    The label "none of these" is what the model reads as "something else".
    """
    found = [_clean(each, f"{param}[{place}]") for place, each in enumerate(_list(given, param))]
    if not found:
        raise Invalid("Send at least one label.", param=param)
    if len(found) + none_of_these > MOST_LABELS:
        raise Invalid(f"{len(found):,} labels are more than {MOST_LABELS:,}.", param=param)
    if none_of_these:
        _refuse_own(found, param)
        found.append(SOMETHING_ELSE)
    if len(set(found)) < len(found):
        twice = next(each for each in found if found.count(each) > 1)
        raise Invalid(f"The label {twice[:50]!r} is there twice.", param=param)
    return found


def _list(given: Any, param: str) -> Sequence[Any]:
    if isinstance(given, list):
        # A form's field that is repeated may hold one JSON list, too.
        return given
    if isinstance(given, str):
        return _split(given)
    raise Invalid("The labels must be a list of strings.", param=param)


def _split(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            return found
    return text.split(",")


def _clean(label: Any, param: str) -> str:
    if not isinstance(label, str):
        raise Invalid("A label must be a string.", param=param)
    if len(label) > LABEL_CHARACTERS:
        raise Invalid(f"A label may have {LABEL_CHARACTERS} characters.", param=param)
    cleaned = labels.clean(label)
    if not cleaned:
        raise Invalid("A label must not be empty.", param=param)
    return cleaned


def _refuse_own(found: Sequence[str], param: str) -> None:
    for taken in (NONE_OF_THESE, SOMETHING_ELSE):
        if taken in found:
            raise Invalid(f"With none_of_these, {taken!r} cannot be a label of yours.", param=param)


def template(given: str | None, *, param: str = "hypothesis_template") -> str:
    """With exactly one {}; raises Invalid."""
    if given is None:
        return DEFAULT_TEMPLATE
    found = labels.clean(given.replace("{label}", "{}"))
    if found.count("{}") != 1 or len(found) > 200:
        raise Invalid(
            "The template needs {} or {label} exactly once, where the label goes.", param=param
        )
    return found
