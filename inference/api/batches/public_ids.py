"""Ids as OpenAI's clients know them, `file-...` and `batch_...`, and pages of what has them."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

HEX = re.compile(r"[0-9a-f]{32}")


def read(public_id: str, prefix: str) -> uuid.UUID | None:
    """None for what is no such id.

    >>> read("file-0d3b2ac1c8f64b0b9a1f2d8f0c1e7a55", "file-")
    UUID('0d3b2ac1-c8f6-4b0b-9a1f-2d8f0c1e7a55')
    >>> read("batch_1", "batch_")
    """
    digits = public_id.removeprefix(prefix)
    is_one = public_id.startswith(prefix) and HEX.fullmatch(digits)
    return uuid.UUID(digits) if is_one else None


# Any: JSON's own types.
def page(objects_and_one: Sequence[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A list object of up to `limit`; one more says that there is a next page."""
    data = list(objects_and_one[:limit])
    return {
        "object": "list",
        "data": data,
        "has_more": len(objects_and_one) > limit,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
