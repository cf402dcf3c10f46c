"""Calls that may be repeated: by an Idempotency-Key, or while the first is being answered.

Unique indices are the locks: on (account, endpoint, key), and on (API key, body).
"""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inference.models.jobs import Job

KEPT_FOR = timedelta(hours=24)
WAITED_KEPT_FOR = timedelta(minutes=10)  # no call waits longer


class IdempotentCallQuerySet(models.QuerySet["IdempotentCall"]):
    def old(self) -> "IdempotentCallQuerySet":
        # Those whose key may be used for something else.
        return self.filter(created_at__lt=Now() - KEPT_FOR)

    def abandoned(self) -> "IdempotentCallQuerySet":
        # Those whose process has not come back with an answer.
        return self.filter(held_until__lt=Now())


class IdempotentCall(models.Model):
    """One call under an Idempotency-Key: in flight while it is held, then known by its job.

    The submission key makes the job's id: whoever takes over from a dead process finds its job.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    endpoint = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was sent")
    submission_key = models.UUIDField(default=uuid.uuid4)
    job = models.ForeignKey(Job, models.CASCADE, null=True, blank=True, related_name="+")
    # Whose hold it is: a call that was taken over must not end the hold of its successor.
    hold_token = models.UUIDField(default=uuid.uuid4)
    held_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    objects = IdempotentCallQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "endpoint", "key"], name="call_once_per_key"),
            models.CheckConstraint(
                condition=Q(held_until__isnull=False) | Q(job__isnull=False),
                name="call_is_in_flight_or_has_a_job",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key}"


class WaitedCall(models.Model):
    """A call without an Idempotency-Key that waits for its job, and others that wait with it.

    A row outlives its call: the next one of the same key and body takes it over, or the tidying
    deletes it. Neither a key nor a job is looked up by it, so that there are no foreign keys.
    """

    job = models.UUIDField(primary_key=True)
    api_key = models.BigIntegerField(help_text="id of the key")
    body_hash = models.CharField(max_length=64, help_text="SHA-256 of address and body")
    waiters = models.PositiveIntegerField(default=1, help_text="calls that wait for the job")
    joined = models.PositiveIntegerField(default=0, help_text="of all, those after the first")
    is_cost_reported = models.BooleanField(
        default=False, help_text="an answer has said what the job cost"
    )
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api_key", "body_hash"], name="waited_call_once"),
        ]

    def __str__(self) -> str:
        return f"{self.job} ({self.waiters})"
