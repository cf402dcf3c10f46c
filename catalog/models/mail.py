"""Outgoing mail as rows, so that none is lost while the mail server is away."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog.infrastructure import outbox
from catalog.infrastructure.outbox import OutboxMessage, OutboxQuerySet


class MailState(models.TextChoices):
    """Where a mail stands; only `waiting` is ever left."""

    WAITING = outbox.WAITING
    SENT = "sent"
    GIVEN_UP = outbox.GIVEN_UP


class MailQuerySet(OutboxQuerySet["Mail"]):
    def urgent(self) -> "MailQuerySet":
        return self.filter(is_bulk=False)

    def bulk(self) -> "MailQuerySet":
        return self.filter(is_bulk=True)

    def to_any(self, addresses: list[str]) -> "MailQuerySet":
        return self.filter(recipients__overlap=addresses)


class Mail(OutboxMessage):
    """One mail. What it said is emptied once it is sent or given up: it may hold a code or link."""

    EMPTIED: ClassVar[dict[str, Any]] = {"text": "", "html": "", "headers": {}}

    # What the sender gave as X-Idempotency-Key: queued twice, sent once.
    key = models.CharField(max_length=200, blank=True)
    # What the sender gave as X-Launch: the launch that this mail announces.
    launch = models.ForeignKey(
        "Launch", models.SET_NULL, null=True, blank=True, related_name="mails"
    )
    # What the sender gave as X-Bulk, or any mail of a launch: nobody waits for it at a page.
    is_bulk = models.BooleanField(default=False, db_default=False)
    message_id = models.CharField(max_length=200)
    sender = models.CharField(max_length=320)
    recipients = ArrayField(models.CharField(max_length=320))
    subject = models.CharField(max_length=500)
    headers = models.JSONField(default=dict, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)

    state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.WAITING)
    sent_at = models.DateTimeField(null=True, blank=True)
    # When the server itself did not answer: nobody else needs to try for some seconds.
    server_away_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    objects: ClassVar[MailQuerySet] = MailQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "mail"
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=~Q(key=""), name="mail_key_unique_where_given"
            ),
            models.CheckConstraint(
                condition=Q(state__in=MailState.values), name="mail_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state=MailState.SENT, sent_at__isnull=False)
                | (~Q(state=MailState.SENT) & Q(sent_at__isnull=True)),
                name="mail_sent_when_it_was",
            ),
            models.CheckConstraint(
                condition=Q(state=MailState.WAITING) | Q(text="", html="", headers={}),
                name="mail_is_emptied_when_done",
            ),
        ]
        indexes = [
            models.Index(
                fields=["is_bulk", "next_try_at", "id"],
                condition=Q(state=MailState.WAITING),
                name="mail_due_by_urgency",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.state})"
