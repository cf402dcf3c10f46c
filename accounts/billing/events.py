"""What Stripe's events do here; each is handled once, by its id."""

import logging

import stripe
from django.db import transaction

from accounts.billing import purchases
from accounts.models import StripeEvent

log = logging.getLogger(__name__)

# The webhook endpoint at Stripe should send these.
SETTLE = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.expired",
}
FAIL = {"checkout.session.async_payment_failed"}
REFUND = {"charge.refunded"}
DISPUTE = {"charge.dispute.funds_withdrawn"}
HANDLED = SETTLE | FAIL | REFUND | DISPUTE


@transaction.atomic
def handle(event: stripe.Event) -> bool:
    """False: it was handled before, or is none of those that we know. Raises TooEarly."""
    if event.type not in HANDLED:
        return False
    # In the transaction of what the event does: either both are there, or Stripe sends it again.
    _, is_new = StripeEvent.objects.get_or_create(id=event.id, defaults={"type": event.type})
    if is_new:
        _act(event.type, event.data.object)
        log.info("stripe event handled id=%s type=%s", event.id, event.type)
    return is_new


def _act(kind: str, about: object) -> None:
    if isinstance(about, stripe.checkout.Session):
        if kind in SETTLE:
            purchases.settle(about)
        else:
            purchases.fail(about)
    elif isinstance(about, stripe.Charge) and about.payment_intent:
        purchases.note_refund(
            _id_of(about.payment_intent),
            refunded_cents=about.amount_refunded,
            purchase_id=about.metadata.to_dict().get("purchase", "") if about.metadata else "",
        )
    elif isinstance(about, stripe.Dispute) and about.payment_intent:
        # The bank took the money back; credit that is left goes with it.
        purchases.note_refund(_id_of(about.payment_intent), refunded_cents=about.amount)


def _id_of(intent: str | stripe.PaymentIntent) -> str:
    return intent if isinstance(intent, str) else intent.id
