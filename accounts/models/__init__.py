"""People, their money and their API keys."""

from accounts.models.erasures import Erasure
from accounts.models.gifts import Gift, GiftState, WaitReason
from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.money import Category, Entry, EntryKind, Grant, Hold, HoldState, Wallet
from accounts.models.people import User
from accounts.models.purchases import Purchase, PurchaseState, StripeEvent
from accounts.models.staff import CreditAction, LedgerCheck, Verb

__all__ = [
    "ApiKey",
    "ApiKeyQuerySet",
    "Category",
    "CreditAction",
    "Entry",
    "EntryKind",
    "Erasure",
    "Gift",
    "GiftState",
    "Grant",
    "Hold",
    "HoldState",
    "LedgerCheck",
    "Purchase",
    "PurchaseState",
    "StripeEvent",
    "User",
    "Verb",
    "WaitReason",
    "Wallet",
]
