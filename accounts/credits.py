"""The verbs of credit. Every sum is in whole micro-dollars (µ$); every verb may be repeated.

    grant, welcome, void          put credit into a wallet, or take what is left of it back
    hold -> capture | release     set credit aside, then spend it or let it go (accounts.settling)
    expire_due                    take back what has run out
    balance_of                    what a person has

Spending cannot pass the balance: a hold is one conditional UPDATE of the wallet, and the wallet's
check constraint stands behind it. Order of locks, everywhere: wallets by id, then keys.

CreditError             root; `str(error)` is a sentence for people
    NotEnoughCredit     the wallet has less than was wanted
    KeyLimitReached     the key may not spend that much
    KeyEnded            the key was revoked, or has run out
    ReferenceTaken      the reference already names somebody else's grant or hold
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from accounts import drawing, normalised
from accounts.expiry import expire_due, take_back
from accounts.models import ApiKey, Category, Entry, Grant, Hold, Kind, User, Wallet
from accounts.settling import Outcome, capture, capture_many, release, release_many

__all__ = [
    "Balance",
    "CreditError",
    "KeyEnded",
    "KeyLimitReached",
    "NotEnoughCredit",
    "Outcome",
    "ReferenceTaken",
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

Row = TypeVar("Row", Grant, Hold)


class CreditError(Exception):
    """Credit was not moved."""


class NotEnoughCredit(CreditError):
    """`available` and `wanted` are µ$."""

    def __init__(self, *, available: int, wanted: int) -> None:
        super().__init__(f"This costs {wanted} µ$, and {available} µ$ are left.")
        self.available = available
        self.wanted = wanted


class KeyLimitReached(CreditError):
    """`left` and `wanted` are µ$."""

    def __init__(self, *, left: int, wanted: int) -> None:
        super().__init__(f"This costs {wanted} µ$, and this key may spend {left} µ$ more.")
        self.left = left
        self.wanted = wanted


class KeyEnded(CreditError):
    """The key was good when it was found, and is not any more."""


class ReferenceTaken(CreditError):
    """Nothing can be paid for twice, by whomever."""


@dataclass(frozen=True)
class Balance:
    """What a person has, in µ$: `available` is `settled` less `held`.

    `grants` are those that still have something, in the order in which they are spent.
    """

    available: int
    held: int
    settled: int
    grants: tuple[Grant, ...]


def wallet_of(user: User) -> Wallet:
    """The person's wallet, made when first needed."""
    return Wallet.objects.get_or_create(user=user)[0]


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


def hold(
    user: User, *, amount_micro_usd: int, reference: str,
    key: ApiKey | None = None, expires_at: datetime | None = None, note: str = "",
) -> Hold:  # fmt: skip
    """Set credit aside; a repeated reference gives the first hold, and holds nothing more.

    Zero is allowed: a free model. Raises NotEnoughCredit, KeyLimitReached, KeyEnded and
    ReferenceTaken. `expires_at`: when `expire_due` may release it; None: never by itself.
    `note` stands in the person's statement: what the credit is for.
    """
    if amount_micro_usd < 0 or (key and key.user_id != user.pk):
        raise ValueError(f"a hold of {amount_micro_usd} µ$ for {user.pk} by key {key}")
    wallet = wallet_of(user)
    try:
        with transaction.atomic():
            _promise(wallet, amount_micro_usd)
            if key:
                _promise_by_key(key, amount_micro_usd)
            held = Hold.objects.create(
                wallet=wallet,
                key=key,
                reference=reference,
                amount_micro_usd=amount_micro_usd,
                expires_at=expires_at,
            )
            Entry.objects.create(
                wallet=wallet,
                kind=Kind.HOLD,
                reference=reference,
                held_effect_micro_usd=amount_micro_usd,
                note=note,
            )
    except (IntegrityError, CreditError):
        # Looked up only now: a repeated request is rare, and a refused one writes nothing.
        first = Hold.objects.filter(reference=reference).first()
        if first is None:
            raise
        return _own(first, wallet)
    return held


def _promise(wallet: Wallet, amount: int) -> None:
    """Raise what is held, if that much is free and none of it has run out."""
    room = Wallet.objects.filter(pk=wallet.pk, balance_micro_usd__gte=F("held_micro_usd") + amount)
    more = F("held_micro_usd") + amount
    ended = Grant.objects.left().over(Now()).filter(wallet=OuterRef("pk"))
    if room.filter(~Exists(ended)).update(held_micro_usd=more):
        return
    take_back(wallet.pk, Now())
    if not room.update(held_micro_usd=more):
        wallet.refresh_from_db()
        free = wallet.balance_micro_usd - wallet.held_micro_usd
        raise NotEnoughCredit(available=free, wanted=amount)


def _promise_by_key(key: ApiKey, amount: int) -> None:
    """Raise what the key holds, if it is good and its limit has room."""
    living = ApiKey.objects.living().filter(pk=key.pk)
    more = F("held_micro_usd") + amount
    if living.filter(limit_micro_usd__isnull=True).update(held_micro_usd=more):
        return
    if living.filter(limit_micro_usd__gte=F("spent_micro_usd") + more).update(held_micro_usd=more):
        return
    left = living.first()
    if left is None:
        raise KeyEnded("This API key was revoked or has run out.")
    raise KeyLimitReached(left=left.left_micro_usd or 0, wanted=amount)


def _own(first: Row, wallet: Wallet) -> Row:
    if first.wallet_id != wallet.pk:
        raise ReferenceTaken(f"{first.reference} is somebody else's")
    return first


def balance_of(user: User) -> Balance:
    """What the person has now; credit that has run out is not counted, taken back or not."""
    wallet = Wallet.objects.filter(user=user).first()
    if wallet is None:
        return Balance(available=0, held=0, settled=0, grants=())
    left = Grant.objects.left().filter(wallet=wallet)
    ended = list(left.over(Now()))
    holds = list(Hold.objects.open().filter(wallet=wallet)) if ended else []
    free = wallet.balance_micro_usd - wallet.held_micro_usd
    gone = sum(back for _, back in drawing.unneeded(ended, holds, at_most=free))
    good = left.exclude(pk__in=[grant.pk for grant in ended])
    return Balance(
        available=free - gone,
        held=wallet.held_micro_usd,
        settled=wallet.balance_micro_usd - gone,
        grants=tuple(good.order_by("priority", F("expires_at").asc(nulls_last=True), "pk")),
    )
