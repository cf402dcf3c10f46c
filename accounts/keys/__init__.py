"""API keys: `keys.issue`, `keys.find`, `keys.revoke`; people's page of them is in views."""

from accounts.keys.issuing import (
    MOST_LIVING_KEYS,
    AlreadyShown,
    NotIssued,
    TooManyKeys,
    find,
    is_well_formed,
    issue,
    revoke,
)

__all__ = [
    "MOST_LIVING_KEYS",
    "AlreadyShown",
    "NotIssued",
    "TooManyKeys",
    "find",
    "is_well_formed",
    "issue",
    "revoke",
]
