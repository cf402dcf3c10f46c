"""What is posted to a webhook of the caller's own, by event: OpenAPI's `webhooks`."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from inference import kinds
from inference.api.batches.schemas import RequestCounts
from inference.api.schemas.responses import Kind
from inference.kinds.fields.schema import shown
from inference.models import TEST_EVENT, Event

# Any: parts of an OpenAPI document.
Part = dict[str, Any]


class EndedJob(BaseModel):
    """The job in short: its result is read at `/v1/jobs/{job_id}`."""

    id: str
    object: Literal["job"]
    kind: Kind
    model: str
    status: Literal["succeeded", "failed", "canceled", "expired"]
    error_code: str | None


class EndedBatch(BaseModel):
    """The batch in short: its files are named at `/v1/batches/{batch_id}`."""

    id: str
    object: Literal["batch"]
    status: Literal["completed", "failed", "expired", "cancelled"]
    request_counts: RequestCounts


JOB = {
    "id": "9380598d-f1c9-4ec7-8983-ba36990ac19e",
    "object": "job",
    "kind": kinds.EXAMPLE,
    "model": "gigarouter/conse-demo",
    "status": "succeeded",
    "error_code": None,
}
BATCH = {
    "id": "batch_5b1f0c9e2a7d4e0f8c3b6a9d2e1f4c70",
    "object": "batch",
    "status": "completed",
    "request_counts": {"total": 2000, "completed": 1999, "failed": 1},
}


def _example(event: str, data: Part) -> Part:
    return {"type": event, "timestamp": "2026-11-30T11:52:41.120Z", "data": data}


class JobEvent(BaseModel):
    """A job's end, in the shape of Standard Webhooks; `webhook.test` is one of no job."""

    model_config = shown(_example("job.succeeded", JOB))

    type: Literal["job.succeeded", "job.failed", "job.canceled", "webhook.test"]
    timestamp: datetime = Field(description="When the job ended, in UTC.")
    data: EndedJob


class BatchEvent(BaseModel):
    """A batch's end, in the shape of Standard Webhooks."""

    model_config = shown(_example("batch.completed", BATCH))

    type: Literal["batch.completed", "batch.failed", "batch.expired", "batch.cancelled"]
    timestamp: datetime = Field(description="When the batch ended, in UTC.")
    data: EndedBatch


BODIES: list[type[BaseModel]] = [JobEvent, BatchEvent]


def _parameter(name: str, description: str, example: str) -> Part:
    schema = {"type": "string"}
    return {
        "name": name,
        "in": "header",
        "required": True,
        "schema": schema,
        "description": description,
        "example": example,
    }


SIGNATURE = [
    _parameter("webhook-id", "The same for each attempt to deliver.", "msg_4f1d2c3b"),
    _parameter("webhook-timestamp", "Seconds since 1970, when it was signed.", "1796038361"),
    _parameter(
        "webhook-signature",
        "`v1,` and a signature; two while a secret is being replaced.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
]


def _operation(event: str, label: str) -> Part:
    body = BatchEvent if event.startswith("batch.") else JobEvent
    schema = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {
        "tags": ["webhooks"],
        "summary": f"When {label}",
        "description": "Posted to each webhook that asks for this event, signed as Standard"
        " Webhooks describes it. What is not answered by 2xx within ten seconds is tried again.",
        "operationId": "on" + event.title().replace(".", ""),
        "security": [],
        "parameters": SIGNATURE,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "2XX": {"description": "It was received."},
            "410": {"description": "Nobody listens here any more: the webhook is switched off."},
        },
    }


def webhooks() -> dict[str, Part]:
    """By the name of the event."""
    labels = {event.value: str(event.label) for event in Event}
    labels[TEST_EVENT] = "you ask for a test"
    return {event: {"post": _operation(event, label)} for event, label in labels.items()}
