"""The rows of inference: jobs, what groups them, and the workers that do them."""

from inference.models.comparisons import (
    NONE_OF_THE_LABELS,
    ComparedAnswer,
    ComparedPhoto,
    Comparison,
    ComparisonQuerySet,
    StoredColumn,
)
from inference.models.idempotency import IdempotentCall
from inference.models.jobs import FINAL, OPEN, ErrorCode, Input, Job, JobQuerySet, State
from inference.models.playground import PictureDraft, SharedResult
from inference.models.status import Incident, IncidentUpdate, Part, StatusHour
from inference.models.webhooks import (
    Attempt,
    Delivery,
    DeliveryQuerySet,
    DeliveryState,
    DisabledReason,
    Event,
    FailureReason,
    Webhook,
    WebhookQuerySet,
)
from inference.models.workers import (
    WORKER_SILENT_AFTER,
    JobCounter,
    JobDuration,
    Worker,
    WorkerQuerySet,
)

__all__ = [
    "FINAL",
    "NONE_OF_THE_LABELS",
    "OPEN",
    "WORKER_SILENT_AFTER",
    "Attempt",
    "ComparedAnswer",
    "ComparedPhoto",
    "Comparison",
    "ComparisonQuerySet",
    "Delivery",
    "DeliveryQuerySet",
    "DeliveryState",
    "DisabledReason",
    "ErrorCode",
    "Event",
    "FailureReason",
    "IdempotentCall",
    "Incident",
    "IncidentUpdate",
    "Input",
    "Job",
    "JobCounter",
    "JobDuration",
    "JobQuerySet",
    "Part",
    "PictureDraft",
    "SharedResult",
    "State",
    "StatusHour",
    "StoredColumn",
    "Webhook",
    "WebhookQuerySet",
    "Worker",
    "WorkerQuerySet",
]
