"""Jobs, the queue of record, and the workers that announce themselves."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from catalog.models import ModelCard

WORKER_SILENT_AFTER = timedelta(seconds=12)


class State(models.TextChoices):
    """Where a job is; docs/jobs.md draws the ways between."""

    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


OPEN = (State.QUEUED, State.RUNNING)
FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class ErrorCode(models.TextChoices):
    """Why a job failed; the label is the sentence people read."""

    INVALID_IMAGE = (
        "invalid_image",
        "The picture could not be decoded; it may be damaged. Try another copy of it.",
    )
    WORKER_CRASHED = (
        "worker_crashed",
        "The worker broke three times on this job, so we stopped trying. Other pictures work.",
    )
    DEADLINE = (
        "deadline",
        "No worker came to this job in time. Nothing was charged; please try again.",
    )
    INTERNAL = (
        "internal",
        "Something went wrong on our side while scoring this picture. Please try again.",
    )


class JobQuerySet(models.QuerySet["Job"]):
    """`Job.objects.visible_to(...)` is the only way that views look a job up."""

    def visible_to(self, *, user_id: int | None, visitor: uuid.UUID | None) -> "JobQuerySet":
        """The jobs of this person, or, signed out, of this browser session."""
        if user_id is not None:
            return self.filter(Q(owner_id=user_id) | Q(visitor=visitor, visitor__isnull=False))
        return self.filter(visitor=visitor, visitor__isnull=False, owner__isnull=True)

    def queued(self) -> "JobQuerySet":
        return self.filter(state=State.QUEUED)

    def running(self) -> "JobQuerySet":
        return self.filter(state=State.RUNNING)

    def final(self) -> "JobQuerySet":
        return self.filter(state__in=FINAL)

    def oldest_first(self) -> "JobQuerySet":
        return self.order_by("created_at", "pk")


class Job(models.Model):
    """One picture to be scored against labels by one model.

    The picture waits in storage under the job's id (not under its content's hash: two jobs with
    one file could not be deleted without a race) and goes when the job is final. A small preview
    stays for the result page until the owner deletes it or `tidy` does.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    card = models.ForeignKey(ModelCard, models.PROTECT, related_name="jobs")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="jobs"
    )
    visitor = models.UUIDField(null=True, blank=True, help_text="browser session of a stranger")

    labels = models.JSONField()
    template = models.CharField(max_length=200)
    width = models.PositiveIntegerField(help_text="pixels, upright")
    height = models.PositiveIntegerField(help_text="pixels, upright")

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    error_code = models.CharField(max_length=20, choices=ErrorCode, blank=True)
    result = models.JSONField(null=True, blank=True)

    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    batch_size = models.PositiveSmallIntegerField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(db_default=Now())
    rung_at = models.DateTimeField(null=True, blank=True, help_text="last message to the workers")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField()

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index("card", "created_at", name="job_queue", condition=Q(state="queued")),
            models.Index("lease_until", name="job_leases", condition=Q(state="running")),
            models.Index("visitor", name="job_visitor", condition=Q(visitor__isnull=False)),
            models.Index(
                "finished_at", name="job_finished", condition=Q(finished_at__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="running", lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(state="running") & Q(lease_token__isnull=True, lease_until__isnull=True)),
                name="job_runs_under_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=FINAL, finished_at__isnull=False)
                | Q(state__in=OPEN, finished_at__isnull=True),
                name="job_final_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(state="succeeded", result__isnull=False)
                | (~Q(state="succeeded") & Q(result__isnull=True)),
                name="job_result_means_success",
            ),
            models.CheckConstraint(
                condition=(Q(state="failed") & ~Q(error_code=""))
                | (~Q(state="failed") & Q(error_code="")),
                name="job_failure_has_a_code",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(visitor__isnull=False),
                name="job_belongs_to_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"

    def get_absolute_url(self) -> str:
        return reverse("job", args=[self.pk])

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def picture_name(self) -> str:
        """Where the bytes as they were sent wait for the worker."""
        return f"pictures/{self.pk}"

    @property
    def preview_name(self) -> str:
        """Where the small upright JPEG of the result page lies."""
        return f"previews/{self.pk}.jpg"


class WorkerQuerySet(models.QuerySet["Worker"]):
    """`Worker.objects.alive()`"""

    def alive(self) -> "WorkerQuerySet":
        return self.filter(seen_at__gt=Now() - WORKER_SILENT_AFTER)

    def served_repos(self) -> set[str]:
        """Repo ids that a living worker has loaded."""
        return {repo for repos in self.alive().values_list("repos", flat=True) for repo in repos}


class Worker(models.Model):
    """A worker process as it last announced itself."""

    name = models.CharField(max_length=100, unique=True)
    pid = models.PositiveIntegerField()
    device = models.CharField(max_length=40)
    repos = models.JSONField(default=list, help_text="models it has loaded")
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    objects = WorkerQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
