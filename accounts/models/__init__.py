"""People, their money and their API keys."""

from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.money import Category, Entry, EntryKind, Grant, Hold, HoldState, Wallet
from accounts.models.people import User

__all__ = [
    "ApiKey",
    "ApiKeyQuerySet",
    "Category",
    "Entry",
    "EntryKind",
    "Grant",
    "Hold",
    "HoldState",
    "User",
    "Wallet",
]
