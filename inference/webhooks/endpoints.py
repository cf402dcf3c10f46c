"""The verbs of a webhook's owner: add, rotate, switch, remove, replay.

NotAdded            root; `str(error)` is a sentence for people
    BadAddress      not an https URL that could be reached
    TooMany         the person has as many webhooks as there may be
    AlreadyThere    the person has one with this URL
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Now

from accounts.models import User
from inference.models import Delivery, DeliveryState, Webhook, WhyDisabled
from inference.outbound import targets
from inference.outbound.errors import OutboundError
from inference.webhooks import queueing, sealing
from inference.webhooks.schedule import MAX_ATTEMPTS

log = logging.getLogger(__name__)

MOST_WEBHOOKS = 10
SHOWN_AGAIN_FOR = timedelta(minutes=1)  # a double click's second answer is the one that is shown
OLD_SECRET_LIVES = timedelta(days=1)


class NotAdded(Exception):
    pass


class BadAddress(NotAdded):
    # It must be public and https; what it resolves to is checked whenever it is called.
    pass


class TooMany(NotAdded):
    pass


class AlreadyThere(NotAdded):
    pass


def add(user: User, *, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
    """A new webhook and its secret, which its owner can read this once. Raises NotAdded."""
    try:
        targets.parse(url)
    except OutboundError:
        raise BadAddress("It must be an https:// address with a public name.") from None
    secret = sealing.new_secret()
    webhook = Webhook(user=user, url=url, events=list(events), secret=sealing.seal(secret))
    try:
        with transaction.atomic():
            # The person's row is the gate: two at once must not both be the tenth.
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            _save(webhook)
    except IntegrityError:
        return _added_before(webhook)
    log.info("webhook added webhook=%s user=%s", webhook.pk, user.pk)
    return webhook, secret


def _save(webhook: Webhook) -> None:
    others = Webhook.objects.of(webhook.user_id).kept().exclude(url=webhook.url)
    if others.count() >= MOST_WEBHOOKS:
        raise TooMany(f"You have {MOST_WEBHOOKS} webhooks, the most there may be: remove one.")
    webhook.save(force_insert=True)


def _added_before(webhook: Webhook) -> tuple[Webhook, str]:
    young = (
        Webhook.objects.of(webhook.user_id).kept().filter(created_at__gt=Now() - SHOWN_AGAIN_FOR)
    )
    first = young.filter(url=webhook.url).first()
    if first is None:
        raise AlreadyThere("You have a webhook with this address.")
    return first, sealing.unseal(first.secret)


def rotate(webhook: Webhook) -> str:
    """A new secret; the old one signs, too, for a day. Within a minute: the same one again."""
    secret = sealing.new_secret()
    just_now = Now() + OLD_SECRET_LIVES - SHOWN_AGAIN_FOR
    with transaction.atomic():
        # Both readings of `secret` are of the row before: the old one is kept, whatever it was.
        rotated = (
            Webhook.objects.filter(pk=webhook.pk)
            .exclude(old_secret_until__isnull=False, old_secret_until__gt=just_now)
            .update(
                old_secret=F("secret"),
                old_secret_until=Now() + OLD_SECRET_LIVES,
                secret=sealing.seal(secret),
            )
        )
        webhook.refresh_from_db()
    if rotated:
        log.info("webhook secret rotated webhook=%s", webhook.pk)
    return sealing.unseal(webhook.secret)


def switch_off(webhook: Webhook) -> bool:
    # Tell it nothing from now on; what waits, waits.
    return bool(
        Webhook.objects.enabled()
        .filter(pk=webhook.pk)
        .update(disabled_at=Now(), disabled_why=WhyDisabled.OWNER)
    )


def switch_on(webhook: Webhook) -> bool:
    # Tell it again; its days of failure begin anew.
    switched = Webhook.objects.kept().filter(pk=webhook.pk, disabled_at__isnull=False)
    on = switched.update(disabled_at=None, disabled_why="", failing_since=None)
    if on:
        queueing.send_soon()
    return bool(on)


def remove(webhook: Webhook) -> None:
    # Gone for its owner at once; the row goes an hour later (sending.tidy).
    Webhook.objects.kept().filter(pk=webhook.pk).update(removed_at=Now())
    log.info("webhook removed webhook=%s", webhook.pk)


def replay(delivery: Delivery) -> bool:
    """Try once more, now, under the same id. False: its webhook is switched off."""
    ready = Delivery.objects.filter(pk=delivery.pk, webhook__in=Webhook.objects.enabled())
    is_waiting = When(state=DeliveryState.WAITING, then=F("attempt_count"))
    replayed = ready.update(
        # What waits goes on with its schedule; what is done gets one more try.
        attempt_count=Case(is_waiting, default=Value(MAX_ATTEMPTS - 1)),
        state=DeliveryState.WAITING,
        next_try_at=Now(),
    )
    if replayed:
        queueing.send_soon()
    return bool(replayed)
