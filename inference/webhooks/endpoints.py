"""What the owner of a webhook can do: add, change, test, rotate, switch, remove, replay.

NotAdded            root; `str(error)` is a sentence for people
    InvalidUrl      not a public https URL; what it resolves to is checked whenever it is called
    TooManyWebhooks the person has MAX_WEBHOOKS
    DuplicateUrl    the person has one with this URL
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from accounts.models import ApiKey, User
from inference.models import Delivery, DeliveryState, DisabledReason, Event, Webhook
from inference.outbound.errors import OutboundError
from inference.webhooks import queueing, receivers, signing_secrets
from inference.webhooks.schedule import MAX_ATTEMPTS

log = logging.getLogger(__name__)

MAX_WEBHOOKS = 10
NOT_PUBLIC = "It must be an https:// address with a public name."
SHOWN_AGAIN_FOR = timedelta(minutes=1)  # a double click's second answer is the one that is shown
OLD_SECRET_LIVES = timedelta(days=1)


class NotAdded(Exception):
    pass


class InvalidUrl(NotAdded):
    pass


class TooManyWebhooks(NotAdded):
    pass


class DuplicateUrl(NotAdded):
    pass


def add(user: User, *, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
    """A new webhook and its secret, which its owner can read this once. Raises NotAdded."""
    try:
        receivers.check(url)
    except OutboundError:
        raise InvalidUrl(NOT_PUBLIC) from None
    secret = signing_secrets.new_secret()
    webhook = Webhook(
        user=user, url=url, events=list(events), secret=signing_secrets.encrypt(secret)
    )
    try:
        with transaction.atomic():
            # A lock on the person's row: two at once must not both be the tenth.
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            _save(webhook)
    except IntegrityError:
        return _added_before(webhook)
    log.info("webhook added webhook=%s user=%s", webhook.pk, user.pk)
    return webhook, secret


def of_call(key: ApiKey, url: str) -> Webhook:
    """Where a single call wants to be told of its job's end. Raises InvalidUrl.

    It is called for jobs that name it, and forgotten some days after the last of them. What had
    switched it off is over: somebody wants it now.
    """
    try:
        receivers.check(url)
    except OutboundError:
        raise InvalidUrl(NOT_PUBLIC) from None
    secret = signing_secrets.encrypt(signing_secrets.of_key(key.pk))
    fresh = {"created_at": Now(), "disabled_at": None, "disabled_reason": "", "secret": secret}
    named = Webhook.objects.not_removed().filter(key=key, url=url)
    if not named.update(**fresh):
        new = Webhook(
            user_id=key.user_id, key=key, url=url, events=list(Event.values), secret=secret
        )
        try:
            with transaction.atomic():
                new.save(force_insert=True)
        except IntegrityError:  # another call has just named it
            pass
    return named.get()


def _save(webhook: Webhook) -> None:
    others = Webhook.objects.of(webhook.user_id).standing().exclude(url=webhook.url)
    if others.count() >= MAX_WEBHOOKS:
        raise TooManyWebhooks(
            f"You have {MAX_WEBHOOKS} webhooks, the most there may be: remove one."
        )
    webhook.save(force_insert=True)


def _added_before(webhook: Webhook) -> tuple[Webhook, str]:
    same_url = Webhook.objects.of(webhook.user_id).standing().filter(url=webhook.url)
    first = same_url.filter(created_at__gt=Now() - SHOWN_AGAIN_FOR).first()
    if first is None:
        raise DuplicateUrl("You have a webhook with this address.")
    return first, signing_secrets.decrypt(first.secret)


def rotate(webhook: Webhook) -> str:
    """A new secret; the old one signs, too, for a day. Within a minute: the same one again."""
    just_rotated = Q(old_secret_until__gt=Now() + OLD_SECRET_LIVES - SHOWN_AGAIN_FOR)
    with transaction.atomic():
        # F() reads the row as it was before: the old secret is kept, whatever it was.
        rotated = Webhook.objects.filter(~just_rotated, pk=webhook.pk).update(
            old_secret=F("secret"),
            old_secret_until=Now() + OLD_SECRET_LIVES,
            secret=signing_secrets.encrypt(signing_secrets.new_secret()),
        )
        webhook.refresh_from_db()
    if rotated:
        log.info("webhook secret rotated webhook=%s", webhook.pk)
    return signing_secrets.decrypt(webhook.secret)


def change_events(webhook: Webhook, events: Sequence[str]) -> None:
    # What is queued already is still sent.
    Webhook.objects.not_removed().filter(pk=webhook.pk).update(events=list(events))
    webhook.events = list(events)


def send_test(webhook: Webhook, *, kind: str) -> Delivery | None:
    """Queue an event of no job, as any other is sent. None: the webhook is disabled."""
    if not Webhook.objects.enabled().filter(pk=webhook.pk).exists():
        return None
    delivery = queueing.queue_test(webhook, kind=kind)
    log.info("webhook test queued webhook=%s", webhook.pk)
    return delivery


def switch_off(webhook: Webhook) -> bool:
    # What waits goes on waiting: it is sent if the webhook is switched on in time.
    return bool(
        Webhook.objects.enabled()
        .filter(pk=webhook.pk)
        .update(disabled_at=Now(), disabled_reason=DisabledReason.OWNER)
    )


def switch_on(webhook: Webhook) -> bool:
    disabled = Webhook.objects.not_removed().filter(pk=webhook.pk, disabled_at__isnull=False)
    # Without `failing_since`, or the first failure would switch it off again.
    switched = disabled.update(disabled_at=None, disabled_reason="", failing_since=None)
    if switched:
        queueing.send_soon()
    return bool(switched)


def remove(webhook: Webhook) -> None:
    # Gone for its owner at once. sending.tidy deletes the row an hour later: a transaction that
    # is queueing a delivery for it must not fail.
    Webhook.objects.not_removed().filter(pk=webhook.pk).update(removed_at=Now())
    log.info("webhook removed webhook=%s", webhook.pk)


def replay(delivery: Delivery) -> bool:
    """Try once more, now, under the same id. False: its webhook is disabled."""
    ready = Delivery.objects.filter(pk=delivery.pk, webhook__in=Webhook.objects.enabled())
    is_waiting = When(state=DeliveryState.WAITING, then=F("attempt_count"))
    replayed = ready.update(
        # What waits goes on with its schedule; what is done gets one more attempt.
        attempt_count=Case(is_waiting, default=Value(MAX_ATTEMPTS - 1)),
        state=DeliveryState.WAITING,
        next_try_at=Now(),
    )
    if replayed:
        queueing.send_soon()
    return bool(replayed)
