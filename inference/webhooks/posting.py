"""One signed POST to a webhook, as Standard Webhooks describes it, and how it went. No queries."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpcore2
from standardwebhooks import Webhook as Signer

from catalog.infrastructure import log_context, tracing
from inference.models import Delivery, FailureReason
from inference.outbound.client import NETWORK_ERRORS, OutboundClient
from inference.outbound.errors import OutboundError
from inference.webhooks import receivers, signing_secrets

log = logging.getLogger(__name__)

TOTAL_S = 10.0
USER_AGENT = "gigarouter-webhooks/1"


@dataclass(frozen=True)
class Outcome:
    status: int | None = None
    failure: str = ""
    duration_ms: int = 0


async def post(delivery: Delivery, client: OutboundClient, *, traceparent: str = "") -> Outcome:
    """`traceparent`: of the call whose job has ended, in whose trace this is."""
    # Needs the delivery's webhook loaded: it runs where no query may.
    with (
        log_context.bound(**log_fields(delivery)),
        tracing.span("webhook.post", parent=traceparent),
    ):
        try:
            secrets = _secrets(delivery)
        except signing_secrets.CannotDecrypt:
            log.error("webhook secret cannot be read")
            return Outcome(failure=FailureReason.SECRET)
        began_s = time.monotonic()
        status, failure = await _post(delivery, secrets, client)
        return Outcome(status, failure, round((time.monotonic() - began_s) * 1000))


def log_fields(delivery: Delivery) -> dict[str, object]:
    return {"webhook": delivery.webhook_id, "delivery": delivery.pk, "job": delivery.job_id}


def _secrets(delivery: Delivery) -> list[str]:
    """The webhook's secret, and for a day the one before it. Raises CannotDecrypt."""
    webhook = delivery.webhook
    encrypted = [webhook.secret]
    if webhook.old_secret_until and webhook.old_secret_until > datetime.now(UTC):
        encrypted.append(webhook.old_secret)
    return [signing_secrets.decrypt(secret) for secret in encrypted]


async def _post(
    delivery: Delivery, secrets: Sequence[str], client: OutboundClient
) -> tuple[int | None, str]:
    """The answer's status and what is wrong with it; its body is not read."""
    headers = _headers(delivery, secrets, at=datetime.now(UTC))
    try:
        target, client = receivers.route(delivery.webhook.url, client)
        async with asyncio.timeout(TOTAL_S):
            body = delivery.body.encode()
            async with client.stream("POST", target, headers=headers, body=body) as response:
                return response.status, _failure_of(response.status)
    except (TimeoutError, httpcore2.TimeoutException):
        return None, FailureReason.TIMEOUT
    except (OutboundError, *NETWORK_ERRORS) as error:
        # The log learns which; the owner does not: it could tell what is inside our networks.
        log.info("webhook not reached error=%r", error)
        return None, FailureReason.CONNECTION


def _headers(delivery: Delivery, secrets: Sequence[str], *, at: datetime) -> dict[str, str]:
    # Signed at the moment of sending: receivers refuse what is minutes old. During a rotation the
    # header holds both signatures, separated by a space.
    signatures = [Signer(secret).sign(delivery.message_id, at, delivery.body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": delivery.message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _failure_of(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return FailureReason.REDIRECT if 300 <= status < 400 else FailureReason.STATUS
