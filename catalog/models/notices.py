"""What the operator has announced of a model: its shutdown, or another price, and from when on.

    open -> done        on the date, by the housekeeping
         -> replaced    by a later notice of the same kind
         -> withdrawn   by the operator

The card's own columns (`shutdown_at`, `next_price_at`) say what is in force; these rows say who
announced it, and whether everybody concerned was mailed.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models.cards import ModelCard


class NoticeKind(models.TextChoices):
    SHUTDOWN = "shutdown", "shutdown"
    PRICE = "price", "price change"


class NoticeState(models.TextChoices):
    OPEN = "open", "announced"
    REPLACED = "replaced", "replaced by another"
    WITHDRAWN = "withdrawn", "taken back"
    DONE = "done", "done"


class ModelNotice(models.Model):
    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=NoticeKind)
    state = models.CharField(max_length=10, choices=NoticeState, default=NoticeState.OPEN)
    effective_at = models.DateTimeField()
    nano_usd_per_image = models.PositiveBigIntegerField(null=True, blank=True)
    nano_usd_per_token = models.PositiveBigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    # One letter goes to each person once. A notice that only gives people more time goes on with
    # the letter of the one it replaces: whoever has it isn't mailed again.
    letter = models.UUIDField(default=uuid.uuid4)
    letter_since = models.DateTimeField(
        db_default=Now(), help_text="callers of the 90 days before this are mailed"
    )
    notified_at = models.DateTimeField(null=True, blank=True, help_text="all mail is queued")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["kind", "effective_at"],
                condition=Q(state="open"),
                name="notice_open",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["card", "kind"], condition=Q(state="open"), name="notice_one_open_of_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True)
                | Q(state__in=["replaced", "withdrawn", "done"], ended_at__isnull=False),
                name="notice_is_open_or_has_ended",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="shutdown",
                    nano_usd_per_image__isnull=True,
                    nano_usd_per_token__isnull=True,
                )
                | Q(
                    kind="price",
                    nano_usd_per_image__gte=1,
                    nano_usd_per_token__isnull=False,
                ),
                name="notice_of_a_price_names_it",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="notice_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.card_id} at {self.effective_at:%Y-%m-%d} ({self.state})"
