"""The verbs of credit. Every sum is in whole micro-dollars (µ$); every verb may be repeated.

    grant, welcome, void          put credit into a wallet, or take what is left of it back
    hold -> capture | release     set credit aside (accounts.holding), then spend it or let it go
                                  (accounts.settling)
    expire_due                    take back what has run out (accounts.expiry)
    balance_of, available_to      what a person has (accounts.balances)

Order of locks, everywhere: wallets by id, then keys. accounts.credit_errors says why not.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts import normalised
from accounts.balances import Balance, available_to, balance_of, wallet_of
from accounts.credit_errors import (
    CreditError,
    KeyEnded,
    KeyLimitReached,
    NotEnoughCredit,
    ReferenceTaken,
)
from accounts.expiry import expire_due, take_back
from accounts.holding import hold
from accounts.models import Category, Entry, Grant, Kind, User, Wallet
from accounts.settling import Outcome, capture, capture_many, release, release_many

__all__ = [
    "Balance",
    "CreditError",
    "KeyEnded",
    "KeyLimitReached",
    "NotEnoughCredit",
    "Outcome",
    "ReferenceTaken",
    "available_to",
    "balance_of",
    "capture",
    "capture_many",
    "expire_due",
    "grant",
    "hold",
    "release",
    "release_many",
    "void",
    "wallet_of",
    "welcome",
]

log = logging.getLogger(__name__)


def grant(
    user: User, *, amount_micro_usd: int, category: Category, reference: str,
    expires_at: datetime | None = None, priority: int | None = None, note: str = "",
) -> Grant:  # fmt: skip
    """Put credit into the wallet; a repeated reference gives the first grant, unchanged.

    `priority`: lower is spent first; by default the category's. Raises ReferenceTaken.
    """
    if amount_micro_usd <= 0:
        raise ValueError(f"a grant of {amount_micro_usd} µ$")
    wallet = wallet_of(user)
    try:
        with transaction.atomic():
            given = Grant.objects.create(
                wallet=wallet,
                category=category,
                amount_micro_usd=amount_micro_usd,
                remaining_micro_usd=amount_micro_usd,
                priority=category.priority if priority is None else priority,
                expires_at=expires_at,
                reference=reference,
            )
            Wallet.objects.filter(pk=wallet.pk).update(
                balance_micro_usd=F("balance_micro_usd") + amount_micro_usd
            )
            Entry.objects.create(
                wallet=wallet,
                kind=Kind.GRANT,
                reference=reference,
                balance_effect_micro_usd=amount_micro_usd,
                note=note,
            )
    except IntegrityError:
        first = Grant.objects.filter(reference=reference).first()
        if first is None:
            raise
        return _own(first, wallet)
    log.info("credit granted wallet=%s reference=%s micro_usd=%d",
             wallet.pk, reference, amount_micro_usd)  # fmt: skip
    return given


def welcome(user: User) -> Grant | None:
    """The free credit of a person whose address is confirmed, once per person.

    None: there is none to give, or this mailbox had it, under whatever spelling of its address and
    even if that account was deleted since.
    """
    wallet = wallet_of(user)
    welcomed = wallet.grants.filter(category=Category.WELCOME)
    if not settings.FREE_CREDIT_MICRO_USD or welcomed.exists():
        return welcomed.first()
    try:
        return grant(
            user,
            amount_micro_usd=settings.FREE_CREDIT_MICRO_USD,
            category=Category.WELCOME,
            reference=f"welcome:{normalised.fingerprint(user.email)}",
            expires_at=timezone.now() + timedelta(days=settings.WELCOME_CREDIT_DAYS),
        )
    except (ReferenceTaken, IntegrityError):  # the constraint: one welcome a wallet
        return welcomed.first()


def void(reference: str) -> bool:
    """End a grant now and take back what no hold needs. False: there is none, or it was voided."""
    with transaction.atomic():
        # The wallet first, as everywhere: whoever settles a hold locks it before the grants.
        wallets = Wallet.objects.filter(grants__reference=reference)
        wallet = wallets.select_for_update(of=("self",), no_key=True).first()
        voided = Grant.objects.filter(reference=reference, voided_at__isnull=True)
        if wallet is None or not voided.update(voided_at=Now()):
            return False
        take_back(wallet.pk, Now())
    log.info("grant voided reference=%s", reference)
    return True


def _own(first: Grant, wallet: Wallet) -> Grant:
    if first.wallet_id != wallet.pk:
        raise ReferenceTaken(f"{first.reference} is somebody else's")
    return first
