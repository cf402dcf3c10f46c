"""The response to a call whose job has ended, or goes on without it. Runs in threads."""

import json
import uuid
from dataclasses import dataclass

from catalog.infrastructure import prepared
from catalog.models import ModelCard
from inference.api.errors import NO_RETRY, Gone, Unavailable
from inference.api.flow import deprecation, idempotency, joining
from inference.api.flow.serializers import Serializer, warning_of
from inference.api.request.preference import Preference
from inference.api.resources import job_object
from inference.models import IdempotentCall, Job, State

RETRY_AFTER_S = 10
LEAVING_RETRY_S = 1
JOB = f"""
SELECT {prepared.columns(Job, "job")}, coalesce(call.joined, 0) AS joined
FROM inference_job AS job LEFT JOIN inference_waitedcall AS call ON call.job = job.id
WHERE job.id = %s
"""  # noqa: S608  columns of ours


@dataclass(frozen=True)
class ApiResponse:
    body: str
    status: int
    cost_micro_usd: int
    headers: dict[str, str]


@dataclass(frozen=True)
class ResponseWriter:
    serialize: Serializer
    preference: Preference
    idempotent_call: IdempotentCall | None = None
    card: ModelCard | None = None

    def if_ended(self, job_id: uuid.UUID) -> ApiResponse | None:
        """None: it goes on. Raises ApiError for a job that failed."""
        job = self._load(job_id)
        return self._write(job) if job.is_final else None

    def late(self, job_id: uuid.UUID) -> ApiResponse:
        """The time is over: 202 where that is accepted, else the job is canceled.

        Raises ApiError.
        """
        if answer := self._unless_canceled(job_id):
            return answer
        raise Unavailable(
            "The answer took too long, so the job was canceled; nothing was charged. Let it wait"
            " with `Prefer: respond-async`, and ask for it later.",
            retry_after_s=RETRY_AFTER_S,
            code="not_in_time",
            headers=NO_RETRY,  # each retry would be as long
        )

    def leaving(self, job_id: uuid.UUID) -> ApiResponse:
        """As `late`, when this process stops: clients send the call again, to another.

        Raises ApiError.
        """
        if answer := self._unless_canceled(job_id):
            return answer
        raise Unavailable(
            "This server is being restarted, so the job was canceled; nothing was charged."
            " Please send it again.",
            retry_after_s=LEAVING_RETRY_S,
            code="restarting",
        )

    def _unless_canceled(self, job_id: uuid.UUID) -> ApiResponse | None:
        job = self._load(job_id)
        if job.is_final or self.preference.accepts_202:
            return self._write(job)
        if joining.leave(job):
            return None
        # Not canceled: it has just ended, or goes on for an identical call.
        job = self._load(job_id)
        return self._write(job) if job.is_final else None

    def _write(self, job: Job) -> ApiResponse:
        """Raises ApiError for a job that failed, unless the job object was asked for: that has
        the error.
        """
        preference = self.preference
        is_answer = job.is_final and not preference.is_async
        if is_answer and job.state != State.SUCCEEDED:
            raise job_object.error_of(job)
        headers = {"Preference-Applied": preference.applied} if preference.applied else {}
        is_replay = bool(self.idempotent_call and self.idempotent_call.job_id)
        # Of several calls that waited for one job, one says what it cost.
        has_joined = bool(job.joined)  # type: ignore[attr-defined]  # a column of JOB alone
        if is_answer and has_joined and not joining.reports_cost(job):
            job.cost_micro_usd, is_replay = 0, True
        if is_replay:
            headers["Idempotent-Replayed"] = "true"
        # Some dialects' answers have no room for a sentence.
        headers |= deprecation.headers_of(job.card, warning_of(job) if is_answer else "")
        if timing := server_timing(job):
            headers["Server-Timing"] = timing
        if not is_answer:
            headers["Location"] = f"/v1/jobs/{job.pk}"
        content = self.serialize(job) if is_answer else job_object.describe(job)
        body = json.dumps(content, allow_nan=False, separators=(",", ":"))
        # Only now: a body that could not be written completes no call.
        if self.idempotent_call:
            idempotency.complete(self.idempotent_call, job.pk)
        return ApiResponse(body, 200 if is_answer else 202, job.cost_micro_usd or 0, headers)

    def _load(self, job_id: uuid.UUID) -> Job:
        job = prepared.instance(Job, JOB, [job_id])
        if job is None:
            raise Gone("The job was deleted.", code="job_deleted")
        if self.card and job.card_id == self.card.pk:
            job.card = self.card
        return job


def server_timing(job: Job) -> str:
    """How long a job waited for a worker, and ran, in milliseconds; nothing if it has not.

    The syntax is https://www.w3.org/TR/server-timing/.
    """
    if job.started_at is None or job.finished_at is None:
        return ""
    wait_ms = (job.started_at - job.created_at).total_seconds() * 1000
    run_ms = (job.finished_at - job.started_at).total_seconds() * 1000
    return f"wait;dur={max(wait_ms, 0):.1f}, run;dur={max(run_ms, 0):.1f}"
