"""Taking back credit that has ended, without touching what is held.

Ended credit can never be spent, taken back or not: a hold looks for it first (credits.hold). The
periodic `expire_due` only keeps the books tidy for people who do not come.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from accounts.credits import allocation
from accounts.credits.settling import Outcome, release_many
from accounts.models import Entry, EntryKind, Grant, Hold, Wallet

log = logging.getLogger(__name__)

# One transaction's worth.
HOLDS_PER_SLICE = 1000


def expire_due(now: datetime | Now) -> int:
    """Release overdue holds, then take back what ended grants have left; returns the µ$ taken.

    `now`: the database's clock decides, as it does when credit is held (`Now()`).
    """
    release_overdue(now)
    ended = Grant.objects.unspent().ended(now).order_by("wallet")
    return sum(take_back(pk, now) for pk in ended.values_list("wallet", flat=True).distinct())


def release_overdue(now: datetime | Now) -> int:
    """How many holds were released because their own time had come."""
    overdue = Hold.objects.open().filter(expires_at__lte=now).order_by("expires_at")
    released, slice_is_full = 0, True
    while slice_is_full:
        outcomes = release_many(overdue.values_list("reference", flat=True)[:HOLDS_PER_SLICE])
        released += list(outcomes.values()).count(Outcome.DONE)
        slice_is_full = len(outcomes) == HOLDS_PER_SLICE
    return released


def take_back(wallet_id: int, now: datetime | Now, *, note: str = "", of: str = "") -> int:
    """Take back what a wallet's ended grants have left and no hold needs; returns the µ$.

    `note` is for the line of the grant whose reference is `of`.
    """
    with transaction.atomic():
        # The wallet's lock makes what is read below stay true: see accounts.models.money.
        wallet = Wallet.objects.select_for_update(no_key=True).get(pk=wallet_id)
        ended = list(Grant.objects.unspent().ended(now).filter(wallet=wallet))
        holds = list(Hold.objects.open().filter(wallet=wallet)) if ended else []
        free = wallet.balance_micro_usd - wallet.held_micro_usd
        total = 0
        for grant, amount in allocation.reclaimable(ended, holds, at_most=free):
            if amount:
                _reduce(grant, amount, note if grant.reference == of else "")
                total += amount
        if total:
            wallet.balance_micro_usd -= total
            wallet.save(update_fields=["balance_micro_usd"])
            log.info("credit ended wallet=%s micro_usd=%d", wallet.pk, total)
    return total


def _reduce(grant: Grant, amount: int, note: str) -> None:
    grant.remaining_micro_usd -= amount
    grant.save(update_fields=["remaining_micro_usd"])
    Entry.objects.create(
        wallet_id=grant.wallet_id,
        kind=EntryKind.ADJUST if grant.voided_at else EntryKind.EXPIRE,
        # What is left makes it unique: a grant that is partly held is taken back in steps.
        reference=f"{grant.reference}/{grant.remaining_micro_usd}",
        balance_effect_micro_usd=-amount,
        note=note,
    )
