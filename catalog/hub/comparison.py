"""A figure of ours beside the hub's: as it is shown, compared and written on a card."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from catalog.models import ModelCard

# A card knows months; the hub knows the second.
MONTHS = frozenset({"published", "updated"})
# The weights that are served are these and no others until a person says so.
PINNED = frozenset({"revision"})


def for_card(stated: Mapping[str, Any]) -> dict[str, Any]:
    """What the hub states, as a card's fields hold it: numbers, texts and first days of months."""
    return {
        name: value.replace(day=1) if name in MONTHS else value for name, value in stated.items()
    }


def is_unknown(value: object) -> bool:
    # Not falsiness: zero is known.
    return value is None or value == ""


def same(ours: object, hubs: object) -> bool:
    # Capitals do not matter, nor the day of a month: the hub writes "mit" where we write "MIT".
    return _comparable(ours) == _comparable(hubs)


def shown(value: object) -> str:
    """As it stands in a `Difference`; `read_back` is its other direction."""
    return "" if value is None else str(value)


def read_back(field: str, text: str) -> Any:
    """The value that a card's field holds for a text that `shown` gave."""
    column: Any = ModelCard._meta.get_field(field)  # Any: a relation, by its type, could not
    return column.to_python(text)


def _comparable(value: object) -> object:
    if isinstance(value, date):
        return value.year, value.month
    return value.strip().casefold() if isinstance(value, str) else value
