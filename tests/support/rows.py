"""What a row must have by now: for columns that are empty until a job was claimed or has ended."""

import uuid
from datetime import datetime
from typing import Any

from inference.models import Job


def result_of(job: Job) -> dict[str, Any]:
    assert job.result is not None, f"job {job.pk} has no result"
    return dict(job.result)


def lease_of(job: Job) -> uuid.UUID:
    assert job.lease_token is not None, f"job {job.pk} is not claimed"
    return job.lease_token


def start_of(job: Job) -> datetime:
    assert job.started_at is not None, f"job {job.pk} was never claimed"
    return job.started_at
