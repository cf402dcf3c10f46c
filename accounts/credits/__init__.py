"""The verbs of credit. Every sum is in whole micro-dollars (µ$); every verb may be repeated.

    grant, void                   put credit into a wallet, or take what is left of it back
                                  (granting)
    hold -> capture | release     set credit aside (holding), then spend it or let it go (settling)
    expire_due                    take back what has run out (expiry)
    balance_of, available_to      what a person has (balances)
    added_to                      all that was ever added

Order of locks, everywhere: wallets by id, then keys. accounts.credits.errors says why not.
"""

from accounts.credits.balances import Balance, added_to, available_to, balance_of, wallet_of
from accounts.credits.errors import (
    AccountSuspended,
    CreditError,
    KeyEnded,
    KeyLimitReached,
    NotEnoughCredit,
    ReferenceTaken,
)
from accounts.credits.expiry import expire_due
from accounts.credits.granting import grant, void
from accounts.credits.holding import hold, set_frozen
from accounts.credits.settling import Outcome, capture, capture_many, release, release_many

__all__ = [
    "AccountSuspended",
    "Balance",
    "CreditError",
    "KeyEnded",
    "KeyLimitReached",
    "NotEnoughCredit",
    "Outcome",
    "ReferenceTaken",
    "added_to",
    "available_to",
    "balance_of",
    "capture",
    "capture_many",
    "expire_due",
    "grant",
    "hold",
    "release",
    "release_many",
    "set_frozen",
    "void",
    "wallet_of",
]
