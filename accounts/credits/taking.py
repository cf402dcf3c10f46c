"""Taking credit back that is still good: a refund, or a correction by the operator."""

import logging

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.credits.expiry import take_back
from accounts.models import Entry, EntryKind, Grant, Wallet

log = logging.getLogger(__name__)


def take(
    wallet_id: int,
    *,
    amount_micro_usd: int,
    kind: EntryKind,
    reference: str,
    note: str = "",
    grant: str = "",
) -> int:
    """Take up to so much of what the wallet has free; returns the µ$, which may be less.

    What is held stays, for the work that it is held for. `grant` is the reference of the only grant
    to take it from; without it, grants give in the order in which they are spent. A repeated
    reference takes nothing, and returns what the first did.
    """
    if amount_micro_usd <= 0 or kind not in {EntryKind.ADJUST, EntryKind.REFUND}:
        raise ValueError(f"taking {amount_micro_usd} µ$ as {kind}")
    with transaction.atomic():
        # The wallet's lock makes what is read below stay true: see accounts.models.money.
        wallet = Wallet.objects.select_for_update(no_key=True).get(pk=wallet_id)
        earlier = Entry.objects.filter(kind=kind, reference=reference, wallet=wallet).first()
        if earlier is not None:
            return -earlier.balance_effect_micro_usd
        take_back(wallet.pk, Now())  # what has ended is nobody's to give
        wallet.refresh_from_db()
        free = wallet.balance_micro_usd - wallet.held_micro_usd
        taken = _reduce_grants(wallet, min(amount_micro_usd, free), grant)
        if taken:
            wallet.balance_micro_usd -= taken
            wallet.save(update_fields=["balance_micro_usd"])
            Entry.objects.create(
                wallet=wallet,
                kind=kind,
                reference=reference,
                balance_effect_micro_usd=-taken,
                note=note,
            )
    log.info("credit taken wallet=%s reference=%s micro_usd=%d", wallet_id, reference, taken)
    return taken


def _reduce_grants(wallet: Wallet, amount_micro_usd: int, reference: str) -> int:
    grants = Grant.objects.unspent().filter(wallet=wallet)
    if reference:
        grants = grants.filter(reference=reference)
    missing = amount_micro_usd
    for grant in grants.order_by("priority", F("expires_at").asc(nulls_last=True), "pk"):
        part = min(missing, grant.remaining_micro_usd)
        if not part:
            break
        grant.remaining_micro_usd -= part
        grant.save(update_fields=["remaining_micro_usd"])
        missing -= part
    return amount_micro_usd - missing
