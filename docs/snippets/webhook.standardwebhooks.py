"""Checks that a delivery comes from us: `headers` and `body` are those of the request you got."""

import os

from standardwebhooks import Webhook, WebhookVerificationError


def read(headers: dict[str, str], body: bytes) -> dict | None:
    """The event, or None if it is not genuine or older than five minutes."""
    try:
        return Webhook(os.environ["GIGAROUTER_WEBHOOK_SECRET"]).verify(body, headers)
    except WebhookVerificationError:
        return None
