"""A payer's way to Stripe and back.

CheckoutUnavailable    Stripe could not be reached, or refused; nothing was charged
"""

import logging
from datetime import timedelta

import stripe
from django.conf import settings
from django.db.models.functions import Now
from django.urls import reverse

from accounts import credits
from accounts.billing import purchases, stripe_api
from accounts.models import Purchase, PurchaseState, User
from catalog.numbers.money import format_usd

log = logging.getLogger(__name__)

# Stripe closes a session after a day, and says so; that news may be lost as well.
LEFT_OPEN = timedelta(minutes=10)
FORGOTTEN = timedelta(days=3)


class CheckoutUnavailable(Exception):
    """`str(error)` is a sentence for people."""


def begin(user: User, amount_cents: int) -> str:
    """The address at Stripe where the payer goes on. Raises CheckoutUnavailable."""
    purchase = Purchase.objects.create(wallet=credits.wallet_of(user), amount_cents=amount_cents)
    try:
        session = stripe_api.client().v1.checkout.sessions.create(
            _parameters(user, purchase), {"idempotency_key": f"checkout:{purchase.pk}"}
        )
    except stripe.StripeError as error:
        log.error("checkout not begun purchase=%s error=%s", purchase.pk, type(error).__name__)
        Purchase.objects.filter(pk=purchase.pk).update(state=PurchaseState.FAILED)
        raise CheckoutUnavailable(
            "The payment page could not be opened, and nothing was charged. Please try again in a"
            " few minutes."
        ) from error
    Purchase.objects.filter(pk=purchase.pk).update(session_id=session.id)
    log.info("checkout begun purchase=%s cents=%d", purchase.pk, amount_cents)
    return session.url or ""


def refresh(purchase: Purchase) -> None:
    """Ask Stripe what became of it, in case its events are late or lost."""
    if purchase.state != PurchaseState.OPEN or not purchase.session_id:
        return
    try:
        session = stripe_api.client().v1.checkout.sessions.retrieve(purchase.session_id)
    except stripe.StripeError:
        log.warning("checkout not read purchase=%s", purchase.pk, exc_info=True)
        return
    purchases.settle(session)


def refresh_open() -> int:
    """All that have been open for some time; how many. For the hourly round."""
    since = Purchase.objects.filter(
        state=PurchaseState.OPEN,
        created_at__lt=Now() - LEFT_OPEN,
        created_at__gt=Now() - FORGOTTEN,
    )
    open_purchases = list(since.order_by("created_at")[:200])
    for purchase in open_purchases:
        refresh(purchase)
    return len(open_purchases)


def receipt_url(purchase: Purchase) -> str:
    """Stripe's own receipt of it; "" where there is none. Raises CheckoutUnavailable."""
    if not purchase.payment_intent_id:
        return ""
    try:
        intent = stripe_api.client().v1.payment_intents.retrieve(
            purchase.payment_intent_id, {"expand": ["latest_charge"]}
        )
    except stripe.StripeError as error:
        raise CheckoutUnavailable(
            "Stripe could not be reached for the receipt. Please try again in a few minutes."
        ) from error
    charge = intent.latest_charge
    return (charge.receipt_url or "") if isinstance(charge, stripe.Charge) else ""


def _parameters(user: User, purchase: Purchase) -> stripe.params.checkout.SessionCreateParams:
    metadata = {"purchase": str(purchase.pk)}
    back = f"{settings.SITE_URL}{reverse('purchase', args=[purchase.pk])}"
    return {
        "mode": "payment",
        "client_reference_id": str(purchase.wallet_id),
        "customer_email": user.email,
        "metadata": metadata,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": purchase.amount_cents,
                    "product_data": {"name": f"{format_usd(purchase.micro_usd)} of credit"},
                },
            }
        ],
        # Stripe mails its receipt to this address.
        "payment_intent_data": {"metadata": metadata, "receipt_email": user.email},
        "success_url": back,
        "cancel_url": f"{settings.SITE_URL}{reverse('add_credit')}",
    }
