"""The official client of Stripe, made of the settings."""

import stripe
from django.conf import settings

# Stripe's own clients repeat what failed on the way; each call has an idempotency key.
RETRIES = 2


def is_enabled() -> bool:
    return bool(settings.STRIPE_SECRET_KEY)


def client() -> stripe.StripeClient:
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_URL},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=settings.STRIPE_TIMEOUT_S),
    )
