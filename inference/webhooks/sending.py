"""Tells webhooks what is queued for them.

A claim is one UPDATE that also says when to try again, so a sender that dies costs a wait and no
delivery. A receiver may be told twice (it answered, and we died before we noted it): the id is
the same then. A server that hangs holds one thread for seconds: deliveries go out many at a time,
at most a few of one webhook, and only one of a webhook that has been failing.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpcore2
from django.db import connection, transaction
from django.db.models.functions import Now
from standardwebhooks import Webhook as Signer

from inference.models import Attempt, Delivery, DeliveryQuerySet, DeliveryState, Trouble, Webhook
from inference.outbound.connections import FAILURES, Outside
from inference.outbound.errors import Refused
from inference.webhooks import failing, sealing
from inference.webhooks.schedule import wait_after

log = logging.getLogger(__name__)

TOTAL_S = 10.0
LEASE_S = 60  # longer than a round takes
ROUNDS = 20
GIVE_UP_AFTER = timedelta(days=2)  # what waits for a webhook that is switched off
KEEP_FOR = timedelta(days=30)
REMOVED_FOR = timedelta(hours=1)
USER_AGENT = "gigarouter-webhooks/1"

CLAIM = """
WITH ranked AS (
    SELECT delivery.id, delivery.next_try_at, webhook.failing_since, row_number() OVER (
        PARTITION BY webhook_id ORDER BY delivery.next_try_at, delivery.id
    ) AS place
    FROM inference_delivery AS delivery
    JOIN inference_webhook AS webhook ON webhook.id = delivery.webhook_id
    WHERE delivery.state = 'waiting' AND delivery.next_try_at <= now()
        AND webhook.disabled_at IS NULL AND webhook.removed_at IS NULL
), chosen AS (
    SELECT id FROM ranked
    WHERE place <= CASE WHEN failing_since IS NULL THEN 5 ELSE 1 END
    ORDER BY next_try_at LIMIT 20
), free AS MATERIALIZED (
    SELECT id FROM inference_delivery
    WHERE id IN (SELECT id FROM chosen) AND state = 'waiting' AND next_try_at <= now()
    FOR UPDATE SKIP LOCKED
)
UPDATE inference_delivery AS delivery
SET tries = tries + 1, next_try_at = now() + make_interval(secs => %s)
FROM free WHERE delivery.id = free.id
RETURNING delivery.id
"""


@dataclass(frozen=True)
class Letter:
    """A delivery with all that is needed to send it outside of the database."""

    delivery: Delivery
    secrets: Sequence[str]

    def headers(self, at: datetime) -> dict[str, str]:
        """Signed at the moment of sending: receivers refuse what is minutes old."""
        message_id, body = self.delivery.message_id, self.delivery.body
        signed = [Signer(secret).sign(message_id, at, body) for secret in self.secrets]
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signed),
        }


@dataclass(frozen=True)
class Outcome:
    """How a try went: an HTTP status, if there was an answer, and what was wrong, if anything."""

    status: int | None = None
    trouble: str = ""
    duration_ms: int = 0


def send_due(*, outside: Outside | None = None) -> int:
    """Try what is due; how many tries that were."""
    tried = 0
    for _ in range(ROUNDS):
        letters = [_letter(each) for each in _claim()]
        if not letters:
            break
        outcomes = asyncio.run(_send_all(letters, outside or Outside()))
        for letter, outcome in zip(letters, outcomes, strict=True):
            _note(letter.delivery, outcome)
        tried += len(letters)
    return tried


def tidy() -> None:
    """Give up what waits for nobody, forget what is a month old and who was removed."""
    late = Delivery.objects.waiting().filter(created_at__lt=Now() - GIVE_UP_AFTER)
    # A replay of an old delivery is due at once; it has its try first.
    late.filter(next_try_at__lt=Now() - REMOVED_FOR).update(state=DeliveryState.GIVEN_UP)
    Delivery.objects.filter(created_at__lt=Now() - KEEP_FOR).delete()
    Webhook.objects.filter(removed_at__lt=Now() - REMOVED_FOR).delete()


def _claim() -> list[Delivery]:
    """What is due, ours until the lease ends."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [LEASE_S])
        keys = [row[0] for row in cursor.fetchall()]
    return list(Delivery.objects.filter(pk__in=keys).select_related("webhook__user"))


def _letter(delivery: Delivery) -> Letter:
    webhook = delivery.webhook
    sealed = [webhook.secret]
    if webhook.old_secret_until and webhook.old_secret_until > datetime.now(UTC):
        sealed.append(webhook.old_secret)
    try:
        return Letter(delivery, [sealing.unseal(each) for each in sealed])
    except sealing.CannotUnseal:
        log.error("webhook secret cannot be read id=%s", webhook.pk)
        return Letter(delivery, [])


async def _send_all(letters: Sequence[Letter], outside: Outside) -> list[Outcome]:
    return await asyncio.gather(*(_send(letter, outside) for letter in letters))


async def _send(letter: Letter, outside: Outside) -> Outcome:
    if not letter.secrets:
        return Outcome(trouble=Trouble.SECRET)
    began_s = time.monotonic()
    status, trouble = await _post(letter, outside)
    return Outcome(status, trouble, round((time.monotonic() - began_s) * 1000))


async def _post(letter: Letter, outside: Outside) -> tuple[int | None, str]:
    """The answer's status and what is wrong with it; its body is not read."""
    headers = letter.headers(datetime.now(UTC))
    try:
        target = outside.target(letter.delivery.webhook.url)
        async with asyncio.timeout(TOTAL_S):
            body = letter.delivery.body.encode()
            async with outside.ask("POST", target, headers=headers, body=body) as response:
                return response.status, _trouble_with(response.status)
    except (TimeoutError, httpcore2.TimeoutException):
        return None, Trouble.TIMEOUT
    except (Refused, *FAILURES) as error:
        # The log learns which; the owner does not: it could tell what is inside our networks.
        log.info("webhook not reached id=%s: %r", letter.delivery.webhook_id, error)
        return None, Trouble.CONNECTION


def _trouble_with(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return Trouble.REDIRECT if 300 <= status < 400 else Trouble.STATUS


def _note(delivery: Delivery, outcome: Outcome) -> None:
    """Keep how it went; what follows from it is done once, by who still holds the claim."""
    with transaction.atomic():
        Attempt.objects.create(
            delivery=delivery,
            duration_ms=outcome.duration_ms,
            status=outcome.status,
            trouble=outcome.trouble,
        )
        if outcome.trouble:
            _try_later(delivery)
            failing.note_failure(delivery.webhook, status=outcome.status)
        else:
            # Whoever told it, it is told: this is not fenced by the try.
            Delivery.objects.filter(pk=delivery.pk).update(
                state=DeliveryState.DELIVERED, delivered_at=Now()
            )
            failing.note_success(delivery.webhook)


def _try_later(delivery: Delivery) -> None:
    wait = wait_after(delivery.tries)
    if wait is None:
        _ours(delivery).update(state=DeliveryState.GIVEN_UP)
        log.warning("webhook delivery given up id=%s", delivery.pk)
    else:
        _ours(delivery).update(next_try_at=Now() + wait)


def _ours(delivery: Delivery) -> DeliveryQuerySet:
    """The row, unless another sender has claimed it since."""
    return Delivery.objects.waiting().filter(pk=delivery.pk, tries=delivery.tries)
