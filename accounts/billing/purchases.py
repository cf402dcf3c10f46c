"""What a payment or a refund does to the ledger. Each may be repeated, in any order.

Order of locks: the purchase, then its wallet.

TooEarly    a refund of what is not known to be paid yet: its event has to come again
"""

import logging
from typing import Any
from uuid import UUID

import stripe
from django.db import transaction
from django.db.models.functions import Now

from accounts import credits
from accounts.credits.taking import take
from accounts.models import Category, EntryKind, Grant, Purchase, PurchaseState
from accounts.models.purchases import MICRO_USD_PER_CENT

log = logging.getLogger(__name__)


class TooEarly(Exception):
    pass


@transaction.atomic
def settle(session: stripe.checkout.Session) -> Purchase | None:
    """Credit a session that was paid, and close one that never will be. None: it is not ours."""
    purchase = _of_session(session)
    if purchase is None:
        log.warning("payment of a session that is not ours session=%s", session.id)
        return None
    if purchase.state == PurchaseState.PAID:
        return purchase
    if session.payment_status == "paid":
        _credit(purchase, session)
    elif session.status == "expired":
        _close(purchase, PurchaseState.EXPIRED)
    return purchase


@transaction.atomic
def fail(session: stripe.checkout.Session) -> None:
    """A payment that takes days, as from a bank account, did not arrive."""
    purchase = _of_session(session)
    if purchase and purchase.state != PurchaseState.PAID:
        _close(purchase, PurchaseState.FAILED)


@transaction.atomic
def note_refund(payment_intent_id: str, *, refunded_cents: int, purchase_id: str = "") -> None:
    """Take back what was refunded in all, as far as it is not yet; what is spent stays spent.

    `purchase_id`: ours, as the payment's metadata has it. Raises TooEarly.
    """
    purchase = (
        Purchase.objects.select_for_update().filter(payment_intent_id=payment_intent_id).first()
    )
    if purchase is None:
        if _is_open(purchase_id):
            raise TooEarly(f"{purchase_id} is not known to be paid")
        log.warning("refund of a payment that is not ours payment_intent=%s", payment_intent_id)
        return
    refunded_cents = min(refunded_cents, purchase.amount_cents)
    new_cents = refunded_cents - purchase.refunded_cents
    if new_cents <= 0:
        return
    taken = take(
        purchase.wallet_id,
        amount_micro_usd=new_cents * MICRO_USD_PER_CENT,
        kind=EntryKind.REFUND,
        reference=f"{purchase.reference}/{refunded_cents}",
        note="refunded to your card",
        grant=purchase.reference,
    )
    Purchase.objects.filter(pk=purchase.pk).update(refunded_cents=refunded_cents)
    if taken < new_cents * MICRO_USD_PER_CENT:
        log.error(
            "refunded credit was spent purchase=%s refunded_cents=%d taken_micro_usd=%d",
            purchase.pk,
            new_cents,
            taken,
        )


def refundable_cents(purchase: Purchase) -> int:
    """Whole cents of its credit that are not spent, held or refunded."""
    grant = Grant.objects.filter(reference=purchase.reference).select_related("wallet").first()
    if grant is None or grant.voided_at is not None:
        return 0
    free = grant.wallet.balance_micro_usd - grant.wallet.held_micro_usd
    left = min(grant.remaining_micro_usd, free) // MICRO_USD_PER_CENT
    return min(left, purchase.amount_cents - purchase.refunded_cents)


def _is_open(purchase_id: str) -> bool:
    try:
        return Purchase.objects.filter(pk=UUID(purchase_id), state=PurchaseState.OPEN).exists()
    except ValueError:
        return False


def _of_session(session: stripe.checkout.Session) -> Purchase | None:
    """The locked purchase that a session is of: the session must be the one we began."""
    try:
        metadata: Any = session.metadata or {}  # Any: Stripe's own mapping, without types
        pk = UUID(metadata["purchase"])
    except (KeyError, ValueError):
        return None
    purchase = Purchase.objects.select_for_update().filter(pk=pk).first()
    # An event may come before we have written down the session that it is about.
    if purchase is None or purchase.session_id not in (None, session.id):
        return None
    return purchase


def _credit(purchase: Purchase, session: stripe.checkout.Session) -> None:
    if (session.currency, session.amount_subtotal) != ("usd", purchase.amount_cents):
        # Only somebody with our secret key could do that; a person has to look.
        log.error("payment of another sum purchase=%s session=%s", purchase.pk, session.id)
        return
    intent = session.payment_intent
    Purchase.objects.filter(pk=purchase.pk).update(
        state=PurchaseState.PAID,
        paid_at=Now(),
        session_id=session.id,
        payment_intent_id=intent if isinstance(intent, str) or intent is None else intent.id,
    )
    purchase.refresh_from_db()
    user = purchase.wallet.user
    if user is None:
        log.error("paid by somebody who has left, refund it at Stripe purchase=%s", purchase.pk)
        return
    credits.grant(
        user,
        amount_micro_usd=purchase.micro_usd,
        category=Category.PURCHASE,
        reference=purchase.reference,
        note="added by card",
    )


def _close(purchase: Purchase, state: PurchaseState) -> None:
    Purchase.objects.filter(pk=purchase.pk).update(state=state)
    log.info("purchase closed purchase=%s state=%s", purchase.pk, state)
