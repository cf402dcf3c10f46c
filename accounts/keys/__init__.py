"""API keys: `keys.issue`, `keys.find`, `keys.revoke`; people's page of them is in views."""

from accounts.keys.expiry import mail_before_expiry
from accounts.keys.issuing import (
    MAX_ACTIVE_KEYS,
    AlreadyShown,
    NotIssued,
    TooManyKeys,
    find,
    find_expired,
    find_suspended,
    is_well_formed,
    issue,
    revoke,
    revoke_all,
)

__all__ = [
    "MAX_ACTIVE_KEYS",
    "AlreadyShown",
    "NotIssued",
    "TooManyKeys",
    "find",
    "find_expired",
    "find_suspended",
    "is_well_formed",
    "issue",
    "mail_before_expiry",
    "revoke",
    "revoke_all",
]
