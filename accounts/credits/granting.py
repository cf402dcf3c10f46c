"""Putting credit into a wallet, and taking back what is left of it."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts.credits.balances import wallet_of
from accounts.credits.errors import ReferenceTaken
from accounts.credits.expiry import take_back
from accounts.models import Category, Entry, Grant, Kind, User, Wallet
from catalog import email_addresses

log = logging.getLogger(__name__)


def grant(
    user: User,
    *,
    amount_micro_usd: int,
    category: Category,
    reference: str,
    expires_at: datetime | None = None,
    priority: int | None = None,
    model: str = "",
    note: str = "",
) -> Grant:
    """Put credit into the wallet; a repeated reference gives the first grant, unchanged.

    `priority`: lower is spent first; by default the category's. `model`: owner/name of the model
    whose launch gives it. Raises ReferenceTaken.
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
                model=model,
                balance_effect_micro_usd=amount_micro_usd,
                note=note,
            )
    except IntegrityError:
        first = Grant.objects.filter(reference=reference).first()
        if first is None:
            raise
        return _own(first, wallet)
    log.info(
        "credit granted wallet=%s reference=%s micro_usd=%d", wallet.pk, reference, amount_micro_usd
    )
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
            reference=f"welcome:{email_addresses.fingerprint(user.email)}",
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
