"""A job as support reads it, whether its row is still there or only its record."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from accounts.models import User
from catalog.infrastructure.log_context import REQUEST_ID_PREFIX
from catalog.numbers.money import format_usd
from inference.models import AttemptEnd, ErrorCode, Job, JobRecord, State

LAST_ATTEMPTS = {
    State.RUNNING: "it is running",
    State.SUCCEEDED: "it delivered the result",
    State.CANCELLED: "the job was canceled while it ran",
}


@dataclass(frozen=True)
class AttemptLine:
    """One worker's try, and how it ended in words; without `ended_at` it goes on."""

    worker: str
    started_at: datetime | None
    ended_at: datetime | None
    ending: str


@dataclass(frozen=True, kw_only=True)
class JobSummary:
    """`is_record`: the job was deleted. `owner` is None for an anonymous visitor's.

    `trace`: the id under which the tracing backend has the call; "" where nothing is traced, and of
    a job that was deleted.
    """

    id: uuid.UUID
    kind: str
    model: str
    owner: User | None
    key_prefix: str
    request: uuid.UUID | None
    batch: uuid.UUID | None
    image_count: int
    state: State
    error_code: str
    error_details: Mapping[str, object]
    is_paid: bool
    max_cost_micro_usd: int | None
    cost_micro_usd: int | None
    attempt: int
    worker: str
    earlier_attempts: list[dict[str, str]]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    is_record: bool
    trace: str = ""

    @property
    def request_id(self) -> str:
        return f"{REQUEST_ID_PREFIX}{self.request.hex}" if self.request else ""

    @property
    def batch_id(self) -> str:
        return f"batch_{self.batch.hex}" if self.batch else ""

    @property
    def cause(self) -> str:
        """The sentence of the error code; "" for a job that did not fail."""
        return str(ErrorCode(self.error_code).label) if self.error_code else ""

    @property
    def details(self) -> str:
        return " ".join(_details_in_words(self.error_details))

    @property
    def cost(self) -> str:
        if not self.is_paid:
            return "free"
        if self.state is State.SUCCEEDED:
            return f"{format_usd(self.cost_micro_usd or 0)} charged"
        if self.finished_at:
            return "nothing was charged"
        return f"up to {format_usd(self.max_cost_micro_usd or 0)} is held"

    @property
    def attempts(self) -> list[AttemptLine]:
        """Oldest first; the last is of the worker that has, or ended, the job."""
        lines = [_earlier(attempt) for attempt in self.earlier_attempts]
        if self.worker:
            lines.append(
                AttemptLine(self.worker, self.started_at, self.finished_at, self._last_ending())
            )
        return lines

    def _last_ending(self) -> str:
        if self.error_code == ErrorCode.WORKER_CRASHED:
            return str(AttemptEnd.LOST.label)
        return LAST_ATTEMPTS.get(self.state, f"it failed the job: {self.error_code}")


def of_job(job: Job) -> JobSummary:
    """With its card, owner and key at hand."""
    return JobSummary(
        model=job.card.repo,
        key_prefix=job.key.prefix if job.key else "",
        is_record=False,
        # W3C: version-trace-span-flags.
        trace=job.traceparent.split("-")[1] if job.traceparent else "",
        **_common(job),
    )


def of_record(record: JobRecord) -> JobSummary:
    return JobSummary(
        model=record.model, key_prefix=record.key_prefix, is_record=True, **_common(record)
    )


def _common(row: Job | JobRecord) -> dict[str, Any]:  # the summary's fields by their names
    return {
        "id": row.pk,
        "kind": row.kind,
        "owner": row.owner,
        "request": row.request_id,
        "batch": row.batch_id,
        "image_count": row.image_count,
        "state": State(row.state),
        "error_code": row.error_code,
        "error_details": row.error_details or {},
        "is_paid": row.is_paid,
        "max_cost_micro_usd": row.max_cost_micro_usd,
        "cost_micro_usd": row.cost_micro_usd,
        "attempt": row.attempt,
        "worker": row.worker,
        "earlier_attempts": row.earlier_attempts or [],
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
    }


def _earlier(attempt: Mapping[str, str]) -> AttemptLine:
    return AttemptLine(
        worker=attempt["worker"],
        started_at=parse_datetime(attempt["started_at"]),
        ended_at=parse_datetime(attempt["ended_at"]),
        ending=str(AttemptEnd(attempt["end"]).label),
    )


def _details_in_words(details: Mapping[str, object]) -> Iterator[str]:
    """Places of inputs count from 0, as the API's errors do."""
    for name, value in details.items():
        if name == "input":
            yield f"It was input {value}, counted from 0."
        elif name == "truncated" and isinstance(value, list):
            yield f"Texts that are too long, counted from 0: {', '.join(map(str, value))}."
        else:
            yield f"{name}: {json.dumps(value)}."
