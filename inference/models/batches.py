"""Files and batches: many requests in one file, run when nobody waits, at a lower price.

A file is kept in chunks of whole lines, so that no step has more than a chunk in memory. A batch
goes through its input chunk by chunk; while a chunk is worked on it is a `BatchPart`, and what
comes of it is a chunk of the output file and one of the error file, under the same number.
"""

import uuid
from typing import ClassVar, NotRequired, TypedDict

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce, Now


class FilePurpose(models.TextChoices):
    """As OpenAI's API names them."""

    INPUT = "batch"
    OUTPUT = "batch_output"


class ApiFileQuerySet(models.QuerySet["ApiFile"]):
    """`ApiFile.objects.of(user).complete()`"""

    def of(self, user_id: int) -> "ApiFileQuerySet":
        return self.filter(owner=user_id)

    def complete(self) -> "ApiFileQuerySet":
        return self.filter(is_complete=True)

    def unused(self) -> "ApiFileQuerySet":
        """Neither read nor written by a batch that goes on."""
        return self.complete().exclude(pk__in=Batch.objects.open().values("input_file_id"))

    def total_bytes(self) -> int:
        return int(self.aggregate(sum=Coalesce(Sum("size_bytes"), 0))["sum"])


class ApiFile(models.Model):
    """A file of the Files API. Its content is that of its chunks, in order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_files", db_index=False
    )
    name = models.CharField(max_length=255)
    purpose = models.CharField(max_length=20, choices=FilePurpose)
    size_bytes = models.PositiveBigIntegerField(default=0)
    line_count = models.PositiveIntegerField(default=0)
    # False: a batch is writing it.
    is_complete = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)

    objects: ClassVar[ApiFileQuerySet] = ApiFileQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = [models.Index("owner", "created_at", name="api_file_owner")]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def public_id(self) -> str:
        return f"file-{self.pk.hex}"


class FileChunk(models.Model):
    """Some whole lines of a file, as one file of the storage."""

    file = models.ForeignKey(ApiFile, models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    stored_as = models.CharField(max_length=150)
    size_bytes = models.PositiveBigIntegerField()
    line_count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="file_chunk_once")]

    def __str__(self) -> str:
        return self.stored_as


class BatchStatus(models.TextChoices):
    """As OpenAI's API has them: `finalizing` is a batch that ran out of time and is written up."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


RUNNING_BATCH = (BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.CANCELLING)
OPEN_BATCH = (BatchStatus.VALIDATING, *RUNNING_BATCH)
ENDED_BATCH = (
    BatchStatus.FAILED,
    BatchStatus.COMPLETED,
    BatchStatus.EXPIRED,
    BatchStatus.CANCELLED,
)


WORDS = {
    BatchStatus.VALIDATING: "checking the file",
    BatchStatus.FAILED: "failed",
    BatchStatus.IN_PROGRESS: "in progress",
    BatchStatus.FINALIZING: "out of time, writing results",
    BatchStatus.COMPLETED: "completed",
    BatchStatus.EXPIRED: "expired",
    BatchStatus.CANCELLING: "canceling",
    BatchStatus.CANCELLED: "canceled",
}


class FileProblem(TypedDict):
    """Why an input file cannot be run: an entry of the batch's `errors`."""

    code: str
    message: str
    param: str | None
    line: int | None


class BatchQuerySet(models.QuerySet["Batch"]):
    """`Batch.objects.of(user).open()`"""

    def of(self, user_id: int) -> "BatchQuerySet":
        return self.filter(owner=user_id)

    def open(self) -> "BatchQuerySet":
        return self.filter(status__in=OPEN_BATCH)

    def running(self) -> "BatchQuerySet":
        return self.filter(status__in=RUNNING_BATCH)

    def ended(self) -> "BatchQuerySet":
        return self.filter(status__in=ENDED_BATCH)

    def overdue(self) -> "BatchQuerySet":
        """Whose completion window is over, and which nothing has ended yet."""
        statuses = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
        return self.filter(status__in=statuses, expires_at__lt=Now())

    def next_in_turn(self) -> "BatchQuerySet":
        # Each batch gets one step, then all others have one.
        return self.order_by(F("advanced_at").asc(nulls_first=True), "created_at", "pk")


class Batch(models.Model):
    """One run of an input file. `next_chunk` is the first that was not taken up yet.

    Files are named, not referred to: their rows may go sooner than this one. `full_micro_usd` is
    what the lines done so far would have cost as single calls, `charged_micro_usd` what was taken.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="batches", db_index=False
    )
    key = models.ForeignKey(
        "accounts.ApiKey", models.SET_NULL, null=True, blank=True, related_name="batches"
    )
    endpoint = models.CharField(max_length=100)
    metadata = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    output_kept_for = models.DurationField()

    input_file_id = models.UUIDField()
    input_name = models.CharField(max_length=255)
    output_file_id = models.UUIDField(null=True, blank=True)
    error_file_id = models.UUIDField(null=True, blank=True)

    status = models.CharField(max_length=20, choices=BatchStatus, default=BatchStatus.VALIDATING)
    errors: "models.JSONField[list[FileProblem]]" = models.JSONField(default=list, blank=True)
    line_count = models.PositiveIntegerField(default=0)
    completed_lines = models.PositiveIntegerField(default=0)
    failed_lines = models.PositiveIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    next_chunk = models.PositiveIntegerField(default=0)
    full_micro_usd = models.PositiveBigIntegerField(default=0)
    charged_micro_usd = models.PositiveBigIntegerField(default=0)

    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    advanced_at = models.DateTimeField(null=True, blank=True)
    in_progress_at = models.DateTimeField(null=True, blank=True)
    ending_at = models.DateTimeField(
        null=True, blank=True, help_text="canceled, or out of time: nothing new is run since"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[BatchQuerySet] = BatchQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            models.Index("owner", "created_at", name="batch_owner"),
            models.Index("advanced_at", name="batch_open", condition=Q(status__in=OPEN_BATCH)),
            models.Index("ended_at", name="batch_ended", condition=Q(ended_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=BatchStatus.values), name="batch_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ENDED_BATCH, ended_at__isnull=False)
                | Q(status__in=OPEN_BATCH, ended_at__isnull=True),
                name="batch_ended_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(next_chunk__lte=F("chunk_count")), name="batch_reads_what_there_is"
            ),
            models.CheckConstraint(
                condition=Q(line_count__gte=F("completed_lines") + F("failed_lines")),
                name="batch_counts_each_line_once",
            ),
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="batch_once_per_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def public_id(self) -> str:
        return f"batch_{self.pk.hex}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_BATCH

    @property
    def can_be_canceled(self) -> bool:
        return self.status in (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)

    @property
    def status_in_words(self) -> str:
        # The API spells its values as OpenAI does; pages say them in English.
        return WORDS[BatchStatus(self.status)]


class Line(TypedDict):
    """A line of a part: an `error` of its own, as the error file has it, or else a job."""

    custom_id: str
    error: NotRequired["LineError"]


class LineError(TypedDict):
    """`status`: that of the call, had it been made alone; 0 if it was not even tried."""

    status: int
    code: str
    message: str
    param: str | None
    type: str


class BatchPartQuerySet(models.QuerySet["BatchPart"]):
    def waiting_for_images(self) -> "BatchPartQuerySet":
        return self.filter(lines__isnull=True)

    def begun(self) -> "BatchPartQuerySet":
        return self.filter(lines__isnull=False)


class BatchPart(models.Model):
    """A chunk of an input file while it is worked on; its row goes with its end.

    While images of it are fetched there are no `lines`, and then `fetched` says what came of each
    URL: where the image is stored, or "" for one that could not be had.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    fetched: "models.JSONField[list[str] | None]" = models.JSONField(null=True, blank=True)
    fetch_asked_at = models.DateTimeField(null=True, blank=True)
    lines: "models.JSONField[list[Line] | None]" = models.JSONField(null=True, blank=True)
    is_paid = models.BooleanField(default=False, help_text="credit is held for it")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[BatchPartQuerySet] = BatchPartQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="batch_part_once"),
        ]

    def __str__(self) -> str:
        return self.hold_reference

    @property
    def hold_reference(self) -> str:
        # The name of its credit in the ledger.
        return f"batch:{self.batch_id}/{self.number}"

    def job_id(self, index: int) -> uuid.UUID:
        """Of the line with this index. The same each time: a line cannot have two jobs."""
        return uuid.uuid5(self.pk, str(index))
