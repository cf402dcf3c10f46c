"""What a call is answered when its job has ended, or goes on without it. All of it in threads."""

import json
import uuid
from dataclasses import dataclass, field

from django.db.models import OuterRef

from accounts import credits
from inference import jobs
from inference.api import answers, idempotency, job_object
from inference.api.errors import NO_RETRY, Gone, Unavailable
from inference.api.preference import Preference
from inference.models import FINAL, IdempotentCall, Job, JobQuerySet, State

RETRY_AFTER_S = 10


@dataclass(frozen=True)
class Written:
    """An answer, ready to be sent. `available_micro_usd`: what its payer has left, if known."""

    body: str
    status: int
    cost_micro_usd: int
    available_micro_usd: int | None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Writer:
    """How a call wants to be answered; `row` is its idempotency key's."""

    answer: answers.Answer
    preference: Preference
    row: IdempotentCall | None

    def if_ended(self, job_id: uuid.UUID) -> Written | None:
        """None: it goes on. Raises ApiError for a job that failed."""
        job = _known().filter(pk=job_id, state__in=FINAL).first()
        if job is None and Job.objects.filter(pk=job_id).exists():
            return None
        return self._write(_there(job))

    def late(self, job_id: uuid.UUID) -> Written:
        """The job that goes on, for who prefers that; else it ends here, unless it just did."""
        job = _load(job_id)
        if job.is_final or self.preference.is_patient:
            return self._write(job)
        if not jobs.cancel(job):
            return self._write(_load(job_id))
        raise Unavailable(
            "The answer took too long, so the job was cancelled; nothing was charged. Let it wait"
            " with `Prefer: respond-async`, and ask for it later.",
            retry_after_s=RETRY_AFTER_S,
            code="not_in_time",
            headers=NO_RETRY,  # each retry would be as long
        )

    def _write(self, job: Job) -> Written:
        """A large answer takes a while. From now on its idempotency key leads to it.

        Raises ApiError for a job that failed, unless the job itself was asked for: then it tells.
        """
        preference = self.preference
        is_answer = job.is_final and not preference.is_for_the_job
        if is_answer and job.state != State.SUCCEEDED:
            raise job_object.error_of(job)
        headers = {"Preference-Applied": preference.applied} if preference.applied else {}
        if self.row and self.row.job_id:
            headers["Idempotent-Replayed"] = "true"
        if not is_answer:
            headers["Location"] = f"/v1/jobs/{job.pk}"
        found = self.answer(job) if is_answer else job_object.describe(job)
        body = json.dumps(found, allow_nan=False, separators=(",", ":"))
        if self.row:
            idempotency.keep(self.row, job.pk)
        return Written(
            body, 200 if is_answer else 202, job.cost_micro_usd or 0,
            # What `_known` has added to the job's columns.
            getattr(job, "available_micro_usd"), headers,  # noqa: B009
        )  # fmt: skip


def _known() -> JobQuerySet:
    """Jobs with their card, and what their owner has left now."""
    known: JobQuerySet = Job.objects.select_related("card").annotate(
        available_micro_usd=credits.free_of(OuterRef("owner"))
    )
    return known


def _load(job_id: uuid.UUID) -> Job:
    return _there(_known().filter(pk=job_id).first())


def _there(job: Job | None) -> Job:
    if job is None:
        raise Gone("The job was deleted.", code="job_deleted")
    return job
