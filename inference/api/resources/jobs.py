"""/v1/jobs: list, retrieve and cancel jobs."""

import uuid
from typing import Annotated, Any

from django.db.models import Q
from fastapi import APIRouter, Path, Query, Response
from starlette.responses import JSONResponse

from accounts.models import User
from inference import jobs, kinds
from inference.api import openapi
from inference.api.auth import AnyCaller
from inference.api.errors import NO_RETRY, Conflict, Invalid, NotFound
from inference.api.resources import job_object
from inference.api.schemas.responses import DeletedJob, JobList, JobObject
from inference.api.threads import in_thread
from inference.models import Job, JobQuerySet, Worker

router = APIRouter(tags=["jobs"])
JobId = Annotated[str, Path(description="A job's id.", json_schema_extra={"format": "uuid"})]
Limit = Annotated[int, Query(ge=1, le=100, description="Most jobs on a page.")]
Status = Annotated[
    job_object.Status | None, Query(description="Only jobs that are so at this moment.")
]
After = Annotated[str | None, Query(description="The `last_id` of the page before.", max_length=64)]


@router.get("/v1/jobs", summary="List jobs", responses=openapi.answers(JobList, bad_input=True))
async def list_jobs(
    caller: AnyCaller, limit: Limit = 20, after: After = None, status: Status = None
) -> Response:
    """Your jobs of the last day, the latest first, without their results."""
    return JSONResponse(await in_thread(_page, caller.user, limit, after, status))


@router.get(
    "/v1/jobs/{job_id}",
    summary="Retrieve a job",
    responses=openapi.answers(JobObject, not_found=True, noun="job"),
)
async def retrieve_job(caller: AnyCaller, job_id: JobId) -> Response:
    """The job, with its result or its error once it has ended."""
    return JSONResponse(await in_thread(lambda: job_object.describe(_get_job(caller.user, job_id))))


@router.post(
    "/v1/jobs/{job_id}/cancel",
    summary="Cancel a job",
    responses=openapi.answers(JobObject, not_found=True, noun="job") | openapi.errors(409),
)
async def cancel_job(caller: AnyCaller, job_id: JobId) -> Response:
    """Ends a job that has not ended yet; nothing is charged for it."""
    return JSONResponse(await in_thread(_cancel, caller.user, job_id))


@router.delete(
    "/v1/jobs/{job_id}",
    summary="Delete a job",
    responses=openapi.answers(DeletedJob, not_found=True, noun="job"),
)
async def delete_job(caller: AnyCaller, job_id: JobId) -> Response:
    """Deletes the job with all that is kept of it; one that has not ended is canceled, free of
    charge. What a job has cost stays on the statement.
    """
    return JSONResponse(await in_thread(_delete, caller.user, job_id))


def _delete(user: User, job_id: str) -> dict[str, Any]:
    job = _get_job(user, job_id)
    jobs.delete(job)
    return {"id": str(job_id), "object": "job", "deleted": True}


def _page(
    user: User, limit: int, after: str | None, status: job_object.Status | None
) -> dict[str, Any]:
    own_jobs = _own(user).defer("result", "vectors")
    if status is not None:
        own_jobs = own_jobs.filter(job_object.jobs_that_are(status))
    if after is not None:
        own_jobs = _after(own_jobs, after)
    # One more than the page has: whether there is a next page.
    page_and_one = list(own_jobs.order_by("-created_at", "-pk")[: limit + 1])
    page = page_and_one[:limit]
    served = Worker.objects.served_repos()
    return {
        "object": "list",
        "data": [job_object.summarize(job, served) for job in page],
        "has_more": len(page_and_one) > limit,
        "first_id": str(page[0].pk) if page else None,
        "last_id": str(page[-1].pk) if page else None,
    }


def _own(user: User) -> JobQuerySet:
    return kinds.readable(Job.objects.interactive().filter(owner=user)).select_related("card")


def _after(own_jobs: JobQuerySet, after: str) -> JobQuerySet:
    job_id = _uuid(after)
    last = own_jobs.filter(pk=job_id).first() if job_id else None
    if last is None:
        raise Invalid("`after` must be the id of one of your jobs.", param="after")
    return own_jobs.filter(
        Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk)
    )


def _get_job(user: User, job_id: str) -> Job:
    # The gate: somebody else's job does not exist.
    pk = _uuid(job_id)
    job = _own(user).filter(pk=pk).first() if pk else None
    if job is None:
        raise NotFound(
            "There is no such job; jobs are kept for a day.", code="job_not_found", param="job_id"
        )
    return job


def _uuid(text: str) -> uuid.UUID | None:
    # An answer's own id names its job as well: cls_..., rank_..., emb_...
    try:
        return uuid.UUID(text.rpartition("_")[2])
    except ValueError:
        return None


def _cancel(user: User, job_id: str) -> dict[str, Any]:
    job = _get_job(user, job_id)
    is_canceled = jobs.cancel(job)
    current = job_object.describe(_get_job(user, job_id))
    if not is_canceled:
        raise Conflict(
            f"The job has ended already: it is {current['status']}.",
            code="job_already_final",
            metadata={"status": current["status"]},
            headers=NO_RETRY,
        )
    return current
