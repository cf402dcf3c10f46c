"""Labels and the template around them, as API clients send them."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from inference.kinds.errors import FieldError
from inference.kinds.fields import texts

MAX_LABELS = 1000
MAX_CHARACTERS = 500
MAX_TEMPLATE_CHARACTERS = 200
# With `none_of_these`: what people read, and what the model reads for it.
NONE_OF_THESE = "none of these"
SOMETHING_ELSE = "something else"
DEFAULT_TEMPLATE = "This is a photo of {}."


def read(value: Any, *, param: str, none_of_these: bool = False) -> list[str]:
    """Labels as they were sent, in order; raises FieldError.

    A string is JSON, or is split at its commas.
    """
    items = _items(value, param)
    if not items:
        raise FieldError("Send at least one label.", param=param)
    if len(items) + none_of_these > MAX_LABELS:
        raise FieldError(f"{len(items):,} labels are more than {MAX_LABELS:,}.", param=param)
    labels = [_label(item, f"{param}[{index}]") for index, item in enumerate(items)]
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
    listed = json_list(text)
    return [part.strip() for part in text.split(",")] if listed is None else listed


def json_list(text: str) -> list[Any] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _label(item: Any, param: str) -> str:
    if not isinstance(item, str):
        raise FieldError("A label must be a string.", param=param)
    if len(item) > MAX_CHARACTERS:
        raise FieldError(f"A label may have {MAX_CHARACTERS} characters.", param=param)
    texts.check(item, name="A label", param=param)
    return item


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
    template = value.replace("{label}", "{}")
    if template.count("{}") != 1 or len(template) > MAX_TEMPLATE_CHARACTERS:
        raise FieldError(
            "The template needs {} or {label} exactly once, where the label goes.", param=param
        )
    texts.check(template, name="The template", param=param)
    return template
