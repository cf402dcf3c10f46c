"""A model's figures on the Hugging Face hub, checked before anybody believes them.

The client library passes on whatever the answer held, hence `object`: types and ranges are ours to
check. What makes no sense raises ValueError.
"""

import re
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

from huggingface_hub import ModelInfo

# What the columns hold.
MOST_BIGINT = 2**63 - 1
MOST_INTEGER = 2**31 - 1
LONGEST_LICENSE = 60


@dataclass(frozen=True)
class Figures:
    """What the hub states, under the names of the card's fields; None where it says nothing."""

    downloads_per_month: int | None = None
    likes: int | None = None
    license: str | None = None
    revision: str | None = None
    published: date | None = None
    updated: date | None = None

    def stated(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def figures_of(info: ModelInfo) -> Figures:
    return Figures(
        downloads_per_month=_count(info.downloads, most=MOST_BIGINT),
        likes=_count(info.likes, most=MOST_INTEGER),
        license=_license(info.card_data),
        revision=_commit(info.sha),
        published=_day(info.created_at),
        updated=_day(info.last_modified),
    )


def _count(value: object, *, most: int) -> int | None:
    if value is None:
        return None
    # bool is an int to Python, and true is no count.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"not a count: {value!r:.40}")
    return value


def _license(card_data: object) -> str | None:
    """`license`, or where that is "other", the name that its authors gave it."""
    plain = getattr(card_data, "license", None)
    named = getattr(card_data, "license_name", None)
    return (_license_name(named) if plain == "other" else None) or _license_name(plain)


def _license_name(value: object) -> str | None:
    if isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_LICENSE and value.isprintable():
        return value.strip()
    return None


def _commit(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{40}", value):
        raise ValueError(f"not a commit: {value!r:.60}")
    return value


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(UTC).date()
