"""Putting credit into a wallet, and taking back what is left of it."""

import logging
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from accounts.credits.balances import wallet_of
from accounts.credits.errors import ReferenceTaken
from accounts.credits.expiry import take_back
from accounts.models import Category, Entry, EntryKind, Grant, User, Wallet

log = logging.getLogger(__name__)


def grant(
    user: User,
    *,
    amount_micro_usd: int,
    category: Category,
    reference: str,
    expires_at: datetime | Combinable | None = None,
    priority: int | None = None,
    model: str = "",
    note: str = "",
) -> Grant:
    """Put credit into the wallet; a repeated reference gives the first grant, unchanged.

    `priority`: lower is spent first; by default the category's. `model`: owner/name of the model
    whose launch gives it. `expires_at`: by the database's clock, as in Now() + a duration. Raises
    ReferenceTaken.
    """
    if amount_micro_usd <= 0:
        raise ValueError(f"a grant of {amount_micro_usd} µ$")
    wallet = wallet_of(user)
    new = Grant(
        wallet=wallet,
        category=category,
        amount_micro_usd=amount_micro_usd,
        remaining_micro_usd=amount_micro_usd,
        priority=category.priority if priority is None else priority,
        expires_at=expires_at,
        reference=reference,
    )
    try:
        _insert(new, model=model, note=note)
    except IntegrityError:
        # By the error, not by looking first: of two that grant at once, one arrives here.
        existing = Grant.objects.filter(reference=reference).first()
        if existing is None:
            raise
        return _own(existing, wallet)
    log.info(
        "credit granted wallet=%s reference=%s micro_usd=%d", wallet.pk, reference, amount_micro_usd
    )
    return new


@transaction.atomic
def _insert(new: Grant, *, model: str, note: str) -> None:
    new.save(force_insert=True)
    new.refresh_from_db(fields=["expires_at"])
    # An UPDATE adds and locks in one: reading the balance first would lose a change in between.
    Wallet.objects.filter(pk=new.wallet_id).update(
        balance_micro_usd=F("balance_micro_usd") + new.amount_micro_usd
    )
    Entry.objects.create(
        wallet_id=new.wallet_id,
        kind=EntryKind.GRANT,
        reference=new.reference,
        model=model,
        balance_effect_micro_usd=new.amount_micro_usd,
        note=note,
    )


def void(reference: str, *, note: str = "") -> bool:
    """End a grant now and take back what no hold needs. False: there is none, or it was voided.

    `note` stands on the person's statement.
    """
    with transaction.atomic():
        # The wallet first, as everywhere: whoever settles a hold locks it before the grants.
        wallets = Wallet.objects.filter(grants__reference=reference)
        wallet = wallets.select_for_update(of=("self",), no_key=True).first()
        voided = Grant.objects.filter(reference=reference, voided_at__isnull=True)
        if wallet is None or not voided.update(voided_at=Now()):
            return False
        take_back(wallet.pk, Now(), note=note, of=reference)
    log.info("grant voided reference=%s", reference)
    return True


def _own(existing: Grant, wallet: Wallet) -> Grant:
    if existing.wallet_id != wallet.pk:
        raise ReferenceTaken(f"{existing.reference} is somebody else's")
    return existing
