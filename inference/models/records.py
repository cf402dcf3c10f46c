"""What is kept of a job when the job itself is gone: what happened, and nothing that was sent."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from inference.models.jobs import ErrorCode, State


class AttemptEnd(models.TextChoices):
    """How an attempt ended that did not end its job, and what support reads of it."""

    LOST = "lost", "the worker was not heard from any more"
    GIVEN_BACK = "given_back", "the worker gave the job back, since its batch had broken"
    UNTRIED = "untried", "the worker gave the job back before it began"
    UNREAD = "unread", "the storage did not give the worker the images"


class JobRecord(models.Model):
    """A job of an account, for its support: without images, texts and results.

    Written in the statement before the job is deleted (inference.jobs.records). No foreign keys
    but the owner's: a key or a model that goes must not be looked for in millions of rows.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, help_text="the job's")
    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=200, help_text="owner/name")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="job_records", db_index=False
    )
    key_prefix = models.CharField(max_length=16, blank=True)
    request_id = models.UUIDField(null=True, blank=True)
    batch_id = models.UUIDField(null=True, blank=True)
    image_count = models.PositiveSmallIntegerField()

    state = models.CharField(max_length=10, choices=State)
    error_code = models.CharField(max_length=30, choices=ErrorCode, blank=True)
    error_details = models.JSONField(null=True, blank=True)
    is_paid = models.BooleanField()
    max_cost_micro_usd = models.PositiveBigIntegerField(null=True, blank=True)
    cost_micro_usd = models.PositiveBigIntegerField(null=True, blank=True)

    attempt = models.PositiveSmallIntegerField()
    worker = models.CharField(max_length=100, blank=True)
    earlier_attempts = models.JSONField(null=True, blank=True)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField()
    kept_at = models.DateTimeField(db_default=Now(), help_text="when the job was deleted")

    class Meta:
        indexes = [
            models.Index("owner", "created_at", name="job_record_owner"),
            models.Index("finished_at", name="job_record_finished"),
            models.Index(
                "request_id",
                name="job_record_request",
                condition=models.Q(request_id__isnull=False),
            ),
            models.Index(
                "batch_id", name="job_record_batch", condition=models.Q(batch_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"
