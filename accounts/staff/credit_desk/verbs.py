"""Add, take, void, refund. An instruction that is repeated with its id is carried out once.

DeskError    it cannot be done, and nothing was; `str(error)` is a sentence for the operator
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import stripe
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts import credits
from accounts.billing import purchases, stripe_api
from accounts.credits import taking
from accounts.models import Category, CreditAction, EntryKind, Grant, Purchase, User, Verb, Wallet
from accounts.models.purchases import MICRO_USD_PER_CENT
from catalog.numbers.money import format_usd

log = logging.getLogger(__name__)


class DeskError(Exception):
    pass


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """Who does it, why, and the id that makes it one action however often it is sent."""

    id: uuid.UUID
    by: User
    reason: str


def add(wallet: Wallet, amount_micro_usd: int, instruction: Instruction) -> CreditAction:
    """Raises DeskError for the wallet of somebody who has left."""
    user = wallet.user
    if user is None:
        raise DeskError("Its person has left: nobody could spend that credit.")

    def act(action: CreditAction) -> None:
        credits.grant(
            user,
            amount_micro_usd=amount_micro_usd,
            category=Category.ADJUSTMENT,
            reference=action.reference,
            note=instruction.reason,
        )

    return _once(Verb.ADD, wallet, amount_micro_usd, instruction, act)


def take(wallet: Wallet, amount_micro_usd: int, instruction: Instruction) -> CreditAction:
    """All of it, or DeskError: what is spent or held is not there to be taken."""

    def act(action: CreditAction) -> None:
        taken = taking.take(
            wallet.pk,
            amount_micro_usd=amount_micro_usd,
            kind=EntryKind.ADJUST,
            reference=action.reference,
            note=instruction.reason,
        )
        if taken < amount_micro_usd:
            raise DeskError(f"Only {format_usd(taken)} is neither spent nor held. Take less.")

    return _once(Verb.TAKE, wallet, amount_micro_usd, instruction, act)


def void(grant: Grant, instruction: Instruction) -> CreditAction:
    """End a grant now; what is held of it goes when its job ends."""

    def act(action: CreditAction) -> None:
        if not credits.void(grant.reference, note=instruction.reason):
            raise DeskError("That grant was voided before.")

    return _once(
        Verb.VOID, grant.wallet, grant.remaining_micro_usd, instruction, act, about=grant.reference
    )


def refund(purchase: Purchase, cents: int, instruction: Instruction) -> CreditAction:
    """Take the credit, then give the money back; a refund that Stripe refuses is undone.

    Raises DeskError. If Stripe cannot be reached, the credit stays taken and `resume_refund` goes
    on: the money may be on its way.
    """

    def act(action: CreditAction) -> None:
        locked = Purchase.objects.select_for_update().get(pk=purchase.pk)
        most = purchases.refundable_cents(locked)
        if cents > most:
            left = format_usd(most * MICRO_USD_PER_CENT)
            raise DeskError(f"Only {left} of it is neither spent, held nor refunded.")
        taken = taking.take(
            locked.wallet_id,
            amount_micro_usd=cents * MICRO_USD_PER_CENT,
            kind=EntryKind.REFUND,
            reference=action.reference,
            note=f"refunded to your card: {instruction.reason}",
            grant=locked.reference,
        )
        if taken < cents * MICRO_USD_PER_CENT:
            raise DeskError(f"Only {format_usd(taken)} of it is left.")
        Purchase.objects.filter(pk=locked.pk).update(refunded_cents=F("refunded_cents") + cents)

    amount = cents * MICRO_USD_PER_CENT
    action = _once(Verb.REFUND, purchase.wallet, amount, instruction, act, about=purchase.reference)
    resume_refund(action)
    return action


def resume_refund(action: CreditAction) -> None:
    """Send the refund to Stripe, unless it was; the action's id makes it one there, too."""
    if action.verb != Verb.REFUND or action.refund_id:
        return
    purchase = Purchase.objects.get(pk=action.about.removeprefix("purchase:"))
    try:
        done = stripe_api.client().v1.refunds.create(
            {
                "payment_intent": purchase.payment_intent_id or "",
                "amount": action.amount_micro_usd // MICRO_USD_PER_CENT,
                "metadata": {"action": str(action.pk)},
            },
            {"idempotency_key": action.reference},
        )
    except (stripe.APIConnectionError, stripe.APIError) as error:
        raise DeskError(
            "Stripe did not answer, so the refund may or may not have been made. The credit is"
            " taken back; press “send again”, which refunds once."
        ) from error
    except stripe.StripeError as error:
        _undo(action, purchase)
        raise DeskError(f"Stripe refused the refund, and nothing has changed: {error}") from error
    CreditAction.objects.filter(pk=action.pk).update(refund_id=done.id)
    action.refund_id = done.id
    log.info("refunded action=%s purchase=%s", action.pk, purchase.pk)


@transaction.atomic
def _undo(action: CreditAction, purchase: Purchase) -> None:
    """Only the first time: whoever finds the action gone does nothing."""
    if not CreditAction.objects.filter(pk=action.pk, refund_id="").update(refund_id="refused"):
        return
    cents = action.amount_micro_usd // MICRO_USD_PER_CENT
    Purchase.objects.filter(pk=purchase.pk).update(refunded_cents=F("refunded_cents") - cents)
    if user := purchase.wallet.user:
        credits.grant(
            user,
            amount_micro_usd=action.amount_micro_usd,
            category=Category.PURCHASE,
            reference=f"{action.reference}/undone",
            note="a refund that did not go through",
        )


def _once(
    verb: Verb,
    wallet: Wallet,
    amount_micro_usd: int,
    instruction: Instruction,
    act: Callable[[CreditAction], None],
    *,
    about: str = "",
) -> CreditAction:
    """The action and what it does in one transaction, or the earlier one of the same id."""
    action = CreditAction(
        id=instruction.id,
        wallet=wallet,
        verb=verb,
        amount_micro_usd=amount_micro_usd,
        reason=instruction.reason,
        by=instruction.by,
        about=about,
    )
    try:
        with transaction.atomic():
            action.save(force_insert=True)
            act(action)
    except IntegrityError:
        # By the error, not by looking first: of two clicks at once, one arrives here.
        earlier = CreditAction.objects.filter(pk=instruction.id).first()
        if earlier is None:
            raise
        return earlier
    log.info("credit %s action=%s wallet=%s by=%s", verb, action.pk, wallet.pk, instruction.by.pk)
    return action
