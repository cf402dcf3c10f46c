"""Where Stripe reports: POST /webhooks/stripe/, signed with the endpoint's secret."""

import logging

import stripe
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.billing import events, purchases

log = logging.getLogger(__name__)

MAX_BYTES = 1_000_000
TOLERANCE_S = 300


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """2xx: handled, now or before. Whatever else, Stripe sends it again for three days."""
    secret = settings.STRIPE_WEBHOOK_SECRET
    if not secret:
        return HttpResponse("This site takes no payments.", status=404, content_type="text/plain")
    if int(request.headers.get("Content-Length") or 0) > MAX_BYTES:
        return HttpResponse("Too large.", status=413, content_type="text/plain")
    try:
        event = stripe.Webhook.construct_event(
            request.body, request.headers.get("Stripe-Signature", ""), secret, tolerance=TOLERANCE_S
        )
    except (stripe.SignatureVerificationError, ValueError):
        log.warning("stripe event refused: no valid signature")
        return HttpResponse("No valid signature.", status=400, content_type="text/plain")
    try:
        events.handle(event)
    except purchases.TooEarly as error:
        log.warning("stripe event came too early id=%s: %s", event.id, error)
        return HttpResponse("Too early.", status=409, content_type="text/plain")
    return HttpResponse(status=200)
