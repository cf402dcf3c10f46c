"""Webhooks, what is delivered to them, and how each attempt to deliver it went."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.infrastructure import outbox
from catalog.infrastructure.outbox import OutboxMessage, OutboxQuerySet


class Event(models.TextChoices):
    """What a webhook can be called for."""

    SUCCEEDED = "job.succeeded", "a job succeeded"
    FAILED = "job.failed", "a job failed"
    CANCELED = "job.canceled", "a job was canceled"  # as the API spells it
    # These as OpenAI spells them.
    BATCH_COMPLETED = "batch.completed", "a batch was completed"
    BATCH_FAILED = "batch.failed", "a batch's file could not be run"
    BATCH_EXPIRED = "batch.expired", "a batch ran out of time"
    BATCH_CANCELLED = "batch.cancelled", "a batch was canceled"


TEST_EVENT = "webhook.test"  # sent when its owner asks for it, whatever the webhook is for


class DisabledReason(models.TextChoices):
    """Who disabled a webhook, and why; the label is what its owner reads."""

    OWNER = "owner", "you switched it off"
    FAILING = "failing", "it failed for days"
    GONE = "gone", "its server answered 410 Gone"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """`Webhook.objects.of(user).not_removed()`"""

    def of(self, user_id: int) -> "WebhookQuerySet":
        return self.filter(user=user_id)

    def standing(self) -> "WebhookQuerySet":
        """Those that somebody has added; without addresses that single calls have named."""
        return self.not_removed().filter(key__isnull=True)

    def not_removed(self) -> "WebhookQuerySet":
        return self.filter(removed_at__isnull=True)

    def enabled(self) -> "WebhookQuerySet":
        return self.not_removed().filter(disabled_at__isnull=True)


class Webhook(models.Model):
    """A URL of somebody's own that is called when their jobs end.

    A removed one stays as a row for an hour, for the sake of deliveries that are being queued.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="webhooks")
    # Named by a call of this key, and called for the jobs that name it, whatever their end.
    key = models.ForeignKey(
        "accounts.ApiKey", models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    url = models.CharField(max_length=2048)
    events = ArrayField(models.CharField(max_length=20, choices=Event))
    # Encrypted (inference.webhooks.signing_secrets), not hashed: signing needs the secret itself.
    secret = models.CharField(max_length=300, editable=False)
    # The one before goes on signing for a while, so that a receiver can change over.
    old_secret = models.CharField(max_length=300, blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(db_default=Now())
    failing_since = models.DateTimeField(null=True, blank=True, help_text="no success since")
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=10, choices=DisabledReason, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[WebhookQuerySet] = WebhookQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                # The latter on developers' machines only (inference.webhooks.receivers).
                condition=Q(url__startswith="https://")
                | Q(url__regex=r"^http://(localhost|127\.0\.0\.1|\[::1\])(:|/|$)"),
                name="webhook_is_told_by_https",
            ),
            models.CheckConstraint(
                condition=Q(events__contained_by=Event.values, events__len__gt=0),
                name="webhook_events_are_known",
            ),
            models.CheckConstraint(
                condition=Q(disabled_at__isnull=True, disabled_reason="")
                | (Q(disabled_at__isnull=False) & ~Q(disabled_reason="")),
                name="webhook_disabled_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(old_secret="", old_secret_until__isnull=True)
                | (~Q(old_secret="") & Q(old_secret_until__isnull=False)),
                name="webhook_old_secret_has_an_end",
            ),
            models.UniqueConstraint(
                fields=["user", "url"],
                condition=Q(removed_at__isnull=True, key__isnull=True),
                name="webhook_url_once_a_person",
            ),
            models.UniqueConstraint(
                fields=["key", "url"],
                condition=Q(removed_at__isnull=True, key__isnull=False),
                name="webhook_url_once_a_key",
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None


class DeliveryState(models.TextChoices):
    WAITING = outbox.WAITING
    DELIVERED = "delivered"
    GIVEN_UP = outbox.GIVEN_UP


class DeliveryQuerySet(OutboxQuerySet["Delivery"]):
    def of(self, user_id: int) -> "DeliveryQuerySet":
        return self.filter(webhook__user=user_id, webhook__removed_at__isnull=True)


class Delivery(OutboxMessage):
    """One event for one webhook; its id stays the same however often it is tried.

    `job_id` names the job, or the batch, and does not refer to it: its row may go sooner.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    job_id = models.UUIDField()
    event = models.CharField(max_length=20)
    body = models.TextField(help_text="JSON, the bytes that are signed and sent")

    state = models.CharField(
        max_length=10,
        choices=DeliveryState,
        default=DeliveryState.WAITING,
        db_default=DeliveryState.WAITING,
    )
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[DeliveryQuerySet] = DeliveryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "job_id", "event"], name="delivery_once_an_event"
            ),
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="delivery_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="delivered") | Q(delivered_at__isnull=False),
                name="delivery_delivered_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"], condition=Q(state="waiting"), name="delivery_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.job_id} ({self.state})"

    @property
    def message_id(self) -> str:
        # The `webhook-id` that receivers know it by.
        return f"msg_{self.pk.hex}"


class FailureReason(models.TextChoices):
    """Why an attempt failed; the label is what its owner reads."""

    STATUS = "status", "the answer was not 2xx"
    REDIRECT = "redirect", "it was redirected, which is never followed"
    TIMEOUT = "timeout", "no answer within 10 s"
    CONNECTION = "connection", "no connection to a public address with a valid certificate"
    SECRET = "secret", "the secret cannot be read any more: rotate it"


class Attempt(models.Model):
    """How one attempt went. What the far server said in its body is not kept."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    made_at = models.DateTimeField(db_default=Now())
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="HTTP, if answered")
    failure = models.CharField(max_length=10, choices=FailureReason, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__isnull=False) | ~Q(failure=""),
                name="attempt_has_an_outcome",
            )
        ]

    def __str__(self) -> str:
        return self.failure or str(self.status)
