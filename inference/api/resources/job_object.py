"""A job as the API shows it: in a 202, at /v1/jobs, in events and in webhooks."""

from datetime import datetime
from math import ceil, floor
from typing import Any, Literal

from django.conf import settings
from django.db.models import Q

from inference import kinds
from inference.api import errors
from inference.api.errors import ApiError, Conflict, InternalError, Invalid, Unavailable
from inference.api.flow import serializers
from inference.jobs.eta import Position, position_of
from inference.kinds.fields import truncation
from inference.models import ErrorCode, Job, State, Worker

STATUS = {
    State.QUEUED: "queued",
    State.RUNNING: "running",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "canceled",
}
Status = Literal["queued", "warming", "running", "succeeded", "failed", "canceled", "expired"]
RETRY_AFTER_S = 10

# What JSON is made of.
Json = dict[str, Any]


def describe(job: Job) -> Json:
    is_queued = job.state == State.QUEUED
    position = position_of(job)
    result = serializers.native(job) if job.state == State.SUCCEEDED else None
    served = Worker.objects.served_repos() if is_queued else set()
    return summarize(job, served) | {
        "queue_position": position.ahead if is_queued else None,
        "eta_s": _eta_s(position) if is_queued else None,
        "result": result,
    }


def summarize(job: Job, served: set[str]) -> Json:
    """As a list shows it; `served` are the repos that have a worker."""
    return {
        "id": str(job.pk),
        "object": "job",
        "kind": job.kind,
        "model": job.card.repo,
        "status": _status_of(job, served),
        "created_at": _seconds(job.created_at),
        "started_at": _seconds(job.started_at),
        "finished_at": _seconds(job.finished_at),
        **serializers.cost(job),
        "error": _error(job),
        "urls": urls_of(job),
    }


def _status_of(job: Job, served: set[str]) -> str:
    # The state, finer: queued without a worker is warming, failed by the deadline is expired.
    if job.state == State.FAILED and job.error_code == ErrorCode.DEADLINE:
        return "expired"
    if job.state == State.QUEUED and job.card.repo not in served:
        return "warming"
    return STATUS[State(job.state)]


def jobs_that_are(status: Status) -> Q:
    """The filter that agrees with `_status_of`."""
    served = Q(card__repo__in=Worker.objects.served_repos())
    expired = Q(error_code=ErrorCode.DEADLINE)
    by_status: dict[str, Q] = {
        "queued": Q(state=State.QUEUED) & served,
        "warming": Q(state=State.QUEUED) & ~served,
        "failed": Q(state=State.FAILED) & ~expired,
        "expired": Q(state=State.FAILED) & expired,
    }
    states = {name: state for state, name in STATUS.items()}
    return by_status[status] if status in by_status else Q(state=states[status])


def urls_of(job: Job) -> dict[str, str]:
    url = f"{settings.SITE_URL}/v1/jobs/{job.pk}"
    return {"get": url, "cancel": f"{url}/cancel", "events": f"{url}/events"}


def error_of(job: Job) -> ApiError:
    if job.state == State.CANCELLED:
        return Conflict(
            "The job was canceled.", code="job_canceled", headers={"x-should-retry": "false"}
        )
    code = ErrorCode(job.error_code)
    match code:
        case ErrorCode.INVALID_IMAGE | ErrorCode.TOO_COSTLY:
            return _unusable(job, code)
        case ErrorCode.CONTEXT_LENGTH_EXCEEDED:
            return _too_long(job)
        case ErrorCode.DEADLINE:
            return Unavailable(code.label, code=code.value, retry_after_s=RETRY_AFTER_S)
    return InternalError(code.label, code=code.value)


def _unusable(job: Job, code: ErrorCode) -> ApiError:
    """An image that could not be decoded; of several inputs, the error says which."""
    index = (job.error_details or {}).get("input")
    if index is None or len(job.inputs) == 1:
        return Invalid(code.label, code=code.value, param="input")
    name = kinds.of(job).name_of_input(index)
    return Invalid(f"{name}: {code.label}", code=code.value, param=name)


def _too_long(job: Job) -> ApiError:
    indices = (job.error_details or {}).get("truncated", [])
    name_of = kinds.of(job).name_of_text
    names = truncation.names(indices, name_of)
    return Invalid(
        f"Too long for {job.card.repo}: {names}. Nothing was charged, since `truncate` is false."
        " Send less text, or leave `truncate` out to have the beginning read.",
        code=ErrorCode.CONTEXT_LENGTH_EXCEEDED.value,
        param=name_of(indices[0]) if indices else None,
        metadata={"truncated": indices},
    )


def _error(job: Job) -> Json | None:
    if job.state not in (State.FAILED, State.CANCELLED):
        return None
    return errors.details(error_of(job))


def _eta_s(position: Position) -> list[int] | None:
    eta = position.eta
    return None if eta is None else [floor(eta.low_s), ceil(eta.high_s)]


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None
