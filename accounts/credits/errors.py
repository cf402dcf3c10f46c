"""Why credit was not moved; `str(error)` is a sentence for people.

CreditError             root
    NotEnoughCredit     the wallet has less than was wanted
    KeyLimitReached     the key may not spend that much
    KeyEnded            the key was revoked, or has run out
    AccountSuspended    the operator has suspended the wallet's person
    ReferenceTaken      the reference already names somebody else's grant or hold
"""

from catalog.numbers.money import format_usd


class CreditError(Exception):
    """Credit was not moved."""


class NotEnoughCredit(CreditError):
    """`available` and `wanted` are µ$."""

    def __init__(self, *, available: int, wanted: int) -> None:
        super().__init__(
            f"This call may cost up to {format_usd(wanted)}, and you have"
            f" {format_usd(available)} of credit available."
        )
        self.available = available
        self.wanted = wanted


class KeyLimitReached(CreditError):
    """`left` and `wanted` are µ$."""

    def __init__(self, *, left: int, wanted: int) -> None:
        super().__init__(
            f"This call may cost up to {format_usd(wanted)}, and this key may spend"
            f" {format_usd(left)} more."
        )
        self.left = left
        self.wanted = wanted


class KeyEnded(CreditError):
    """The key was good when it was found, and is not any more."""


class AccountSuspended(CreditError):
    """The account was active when its key was found, and is not any more."""


class ReferenceTaken(CreditError):
    """Nothing can be paid for twice, by whomever."""
