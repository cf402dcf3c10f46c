"""Labels and the template around them, as API clients send them."""

import json
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from inference.kinds.errors import FieldError

MAX_LABELS = 1000
MAX_CHARACTERS = 500
MAX_TEMPLATE_CHARACTERS = 200
# With `none_of_these`: what people read, and what the model reads for it.
NONE_OF_THESE = "none of these"
SOMETHING_ELSE = "something else"
DEFAULT_TEMPLATE = "This is a photo of {}."


def read(value: Any, *, param: str, none_of_these: bool = False) -> list[str]:
    """Cleaned labels in order; raises FieldError. A string is JSON, or is split at its commas."""
    items = enumerate(_items(value, param))
    labels = [_label(item, f"{param}[{index}]") for index, item in items]
    if not labels:
        raise FieldError("Send at least one label.", param=param)
    if len(labels) + none_of_these > MAX_LABELS:
        raise FieldError(f"{len(labels):,} labels are more than {MAX_LABELS:,}.", param=param)
    if none_of_these:
        _refuse_reserved(labels, param)
        labels.append(SOMETHING_ELSE)
    _refuse_duplicates(labels, param)
    return labels


def _refuse_duplicates(labels: Sequence[str], param: str) -> None:
    # Equal labels would share a softmax, and each would look half as likely.
    label, count = Counter(labels).most_common(1)[0]
    if count > 1:
        raise FieldError(f"The label {label[:50]!r} is there twice.", param=param)


def _items(value: Any, param: str) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return _split(value)
    raise FieldError("The labels must be a list of strings.", param=param)


def _split(text: str) -> list[Any]:
    # A form has no lists: its one field may hold a JSON list, or words between commas.
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list):
            return value
    return text.split(",")


def _label(item: Any, param: str) -> str:
    if not isinstance(item, str):
        raise FieldError("A label must be a string.", param=param)
    if len(item) > MAX_CHARACTERS:
        raise FieldError(f"A label may have {MAX_CHARACTERS} characters.", param=param)
    label = clean(item)
    if not label:
        raise FieldError("A label must not be empty.", param=param)
    return label


def _refuse_reserved(labels: Sequence[str], param: str) -> None:
    # Both stand for the added label, on either side of the model: the answer could not tell.
    for reserved in (NONE_OF_THESE, SOMETHING_ELSE):
        if reserved in labels:
            raise FieldError(
                f"With none_of_these, {reserved!r} cannot be a label of yours.", param=param
            )


def read_template(value: str | None, *, param: str = "hypothesis_template") -> str:
    """With exactly one {}; raises FieldError."""
    if value is None:
        return DEFAULT_TEMPLATE
    template = clean(value.replace("{label}", "{}"))
    if template.count("{}") != 1 or len(template) > MAX_TEMPLATE_CHARACTERS:
        raise FieldError(
            "The template needs {} or {label} exactly once, where the label goes.", param=param
        )
    return template


def clean(text: str) -> str:
    """Composed (NFC), without control and invisible characters, single spaces."""
    # Two labels that look the same must be the same: people copy them from web pages.
    composed = unicodedata.normalize("NFC", text)
    visible = "".join(" " if _is_blank(letter) else letter for letter in composed)
    return " ".join(visible.split())


def _is_blank(letter: str) -> bool:
    # C*: control, format, surrogate, private; Z*: separators.
    return unicodedata.category(letter)[0] in "CZ"
