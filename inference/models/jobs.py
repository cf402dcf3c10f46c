"""Jobs: the queue of record."""

import uuid
from typing import TypedDict

from django.conf import settings
from django.db import models
from django.db.models import Q, Subquery
from django.db.models.functions import Now
from django.urls import reverse

from catalog.models import ModelCard
from catalog.numbers.money import round_up_to_micro_usd


class State(models.TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "canceled"


OPEN = (State.QUEUED, State.RUNNING)
# What waits for a worker: somebody waits for it, or it is a line of a batch.
INTERACTIVE = Q(state="queued", batch__isnull=True)
BACKGROUND = Q(state="queued", batch__isnull=False)
FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class ErrorCode(models.TextChoices):
    INVALID_IMAGE = (
        "invalid_image",
        "The picture could not be decoded; it may be damaged. Try another copy of it.",
    )
    TOO_COSTLY = (
        "too_costly",
        "Decoding took more time or memory than a job may use. Send smaller copies, or fewer.",
    )
    WORKER_CRASHED = (
        "worker_crashed",
        "The worker broke three times on this job, so we stopped trying. Other pictures work.",
    )
    DEADLINE = (
        "deadline",
        "No worker came to this job in time. Nothing was charged; please try again.",
    )
    # OpenAI's name for it.
    CONTEXT_LENGTH_EXCEEDED = (
        "context_length_exceeded",
        "A text is longer than the model reads, and the request did not allow it to be cut"
        " (`truncate: false`). Nothing was charged; shorten the text, or allow it.",
    )
    INTERNAL = (
        "internal",
        "Something went wrong on our side while scoring this picture. Please try again.",
    )


class JobQuerySet(models.QuerySet["Job"]):
    """`Job.objects.visible_to(...)` is the only way that views look a job up."""

    def visible_to(self, *, user_id: int | None, visitor: uuid.UUID | None) -> "JobQuerySet":
        alone = self.interactive()
        if user_id is not None:
            return alone.filter(Q(owner_id=user_id) | Q(visitor=visitor, visitor__isnull=False))
        return alone.filter(visitor=visitor, visitor__isnull=False, owner__isnull=True)

    def interactive(self) -> "JobQuerySet":
        """Without the lines of batches, for which nobody waits: they are seen by their batch."""
        return self.filter(batch__isnull=True)

    def read_by_nobody(self) -> "JobQuerySet":
        """Without the lines of a batch that goes on: what became of them is not written up yet."""
        return self.filter(Q(batch__isnull=True) | Q(batch__ended_at__isnull=False))

    def queued(self) -> "JobQuerySet":
        return self.filter(state=State.QUEUED)

    def running(self) -> "JobQuerySet":
        return self.filter(state=State.RUNNING)

    def final(self) -> "JobQuerySet":
        return self.filter(state__in=FINAL)

    def in_queue_order(self) -> "JobQuerySet":
        return self.order_by("virtual_start", "created_at", "pk")

    def before(self, job: "Job") -> "JobQuerySet":
        # Asked of the database: a job that was just submitted may not know its virtual start.
        row = Job.objects.filter(pk=job.pk)
        start, arrival = Subquery(row.values("virtual_start")), Subquery(row.values("created_at"))
        return self.filter(
            Q(virtual_start__lt=start) | Q(virtual_start=start, created_at__lt=arrival)
        )


class Input(TypedDict, total=False):
    """One input: an image's upright size and its file in storage, or a text; or, if the job goes
    on without it, the error's code and a sentence.
    """

    width: int
    height: int
    file: str
    text: str
    code: str
    message: str


class Job(models.Model):
    """One request to one model. What only its kind understands is in `payload` and `result`.

    Images wait in storage under the names in `inputs` and go when the job is final. Of a
    playground's image the worker keeps a small preview, until the owner deletes it or `tidy` does.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No choices here: inference.kinds lists them, and a new one needs no migration.
    kind = models.CharField(max_length=20)
    card = models.ForeignKey(ModelCard, models.PROTECT, related_name="jobs")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="jobs"
    )
    visitor = models.UUIDField(null=True, blank=True, help_text="anonymous browser session")
    key = models.ForeignKey(
        "accounts.ApiKey", models.SET_NULL, null=True, blank=True, related_name="jobs"
    )

    batch = models.ForeignKey(
        "inference.Batch",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="jobs",
        db_index=False,
        help_text="it is a line of it, run when nobody else waits for the model",
    )

    request_id = models.UUIDField(
        null=True, blank=True, help_text="the X-Request-ID of the call that submitted it"
    )
    traceparent = models.CharField(
        max_length=55,
        blank=True,
        default="",
        db_default="",
        help_text="of that call's span, where there are traces",
    )

    inputs: "models.JSONField[list[Input]]" = models.JSONField(default=list)
    image_count = models.PositiveSmallIntegerField(default=1)
    pixels = models.PositiveIntegerField(db_default=0, help_text="of all its images, once decoded")
    text_tokens = models.PositiveIntegerField(
        db_default=0, help_text="about as many as its texts have, for planning"
    )
    payload = models.JSONField(default=dict, blank=True, help_text="what its kind was asked for")
    options = models.JSONField(default=dict, blank=True, help_text="how the API writes its answer")
    keeps_preview = models.BooleanField(
        db_default=False, help_text="for its page in the playground"
    )
    preview_file = models.CharField(max_length=100, blank=True, help_text="small upright JPEG")

    # What it costs: prices as they were when it was submitted, the sum once it is delivered.
    is_paid = models.BooleanField(default=False, help_text="credit is held for it")
    nano_usd_per_image = models.PositiveBigIntegerField(db_default=0)
    nano_usd_per_text = models.PositiveBigIntegerField(db_default=0, help_text="of each new text")
    nano_usd_per_token = models.PositiveBigIntegerField(db_default=0, help_text="of new texts")
    max_cost_micro_usd = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="what is held for it"
    )
    cost_micro_usd = models.PositiveBigIntegerField(null=True, blank=True)

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    error_code = models.CharField(max_length=30, choices=ErrorCode, blank=True)
    error_details = models.JSONField(
        null=True, blank=True, help_text="which inputs or labels the error is about"
    )
    result = models.JSONField(null=True, blank=True)
    vectors = models.BinaryField(
        null=True, blank=True, help_text="float32 [n, dim], little-endian, L2-normalised rows"
    )

    attempt = models.PositiveSmallIntegerField(default=0)
    unread_count = models.PositiveSmallIntegerField(
        db_default=0, help_text="how often a worker could not read its images"
    )
    worker = models.CharField(max_length=100, blank=True)
    earlier_attempts = models.JSONField(
        null=True, blank=True, help_text="those that ended otherwise than with the job"
    )
    batch_size = models.PositiveSmallIntegerField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(db_default=Now())
    fair_share_key = models.CharField(max_length=50, help_text="whose jobs share one flow")
    virtual_start = models.DateTimeField(db_default=Now(), help_text="its place in the queue")
    woken_at = models.DateTimeField(null=True, blank=True, help_text="last message to the workers")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField()

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index("card", "virtual_start", name="job_queue", condition=INTERACTIVE),
            models.Index(
                "card", "fair_share_key", "virtual_start", name="job_flows", condition=INTERACTIVE
            ),
            # Indexes of their own: however many lines wait, a claim of other jobs reads none.
            models.Index(
                "card", "virtual_start", name="job_background_queue", condition=BACKGROUND
            ),
            models.Index(
                "card",
                "fair_share_key",
                "virtual_start",
                name="job_background_flows",
                condition=BACKGROUND,
            ),
            models.Index("batch", name="job_batch", condition=Q(batch__isnull=False)),
            models.Index("owner", "created_at", name="job_owner"),
            models.Index("lease_until", name="job_leases", condition=Q(state="running")),
            models.Index("deadline_at", name="job_deadlines", condition=Q(state="queued")),
            models.Index("visitor", name="job_visitor", condition=Q(visitor__isnull=False)),
            models.Index("request_id", name="job_request", condition=Q(request_id__isnull=False)),
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
                condition=Q(error_details__isnull=True) | Q(state="failed"),
                name="job_error_details_mean_failure",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(visitor__isnull=False),
                name="job_belongs_to_somebody",
            ),
            models.CheckConstraint(
                condition=Q(is_paid=False) | Q(owner__isnull=False), name="job_paid_by_somebody"
            ),
            models.CheckConstraint(
                condition=Q(cost_micro_usd__isnull=True) | Q(state="succeeded"),
                name="job_costs_only_if_delivered",
            ),
            models.CheckConstraint(
                condition=Q(vectors__isnull=True) | Q(state="succeeded"),
                name="job_vectors_mean_success",
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
    def has_own_hold(self) -> bool:
        # A part of a batch holds credit for all of its lines together.
        return self.is_paid and self.batch_id is None

    @property
    def hold_reference(self) -> str:
        # The name of its credit in the ledger.
        return f"job:{self.pk}"

    def micro_usd_for(self, *, images: int, texts: int, tokens: int) -> int:
        """What so many images cost, with the texts and tokens that are new to its owner."""
        return round_up_to_micro_usd(
            images * self.nano_usd_per_image
            + texts * self.nano_usd_per_text
            + tokens * self.nano_usd_per_token
        )

    @property
    def image_inputs(self) -> list[Input]:
        return [item for item in self.inputs if "file" in item]

    @property
    def text_inputs(self) -> list[str]:
        return [item["text"] for item in self.inputs if "text" in item]

    @property
    def image_files(self) -> list[str]:
        return [image["file"] for image in self.image_inputs]
