"""Finds jobs by what their owner has: any id of the API, or the account's address.

find("cls_9380598df1c94ec78983ba36990ac19e")    # or emb_, rank_, batch_req_, the bare UUID
find("req_5d0f...")                             # the X-Request-ID of the call
find("batch_77ab...")                           # its lines
find("ada@lab.example")                         # newest first
"""

import uuid

from django.db.models import Q

from accounts.sign_in import addresses
from inference.job_desk.summaries import JobSummary, of_job, of_record
from inference.models import Job, JobRecord

MOST = 100


def find(text: str) -> list[JobSummary]:
    """Up to MOST, newest first; none for what is no id and no address of an account."""
    if "@" in text:
        person = addresses.person_at(text)
        return _matching(Q(owner=person)) if person else []
    number = _uuid_in(text)
    if number is None:
        return []
    # A UUID names one thing only, whatever is written before it.
    return _matching(Q(pk=number) | Q(request_id=number) | Q(batch_id=number))


def get(pk: uuid.UUID) -> JobSummary | None:
    return next(iter(_matching(Q(pk=pk))), None)


def _uuid_in(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text.rpartition("_")[2])
    except ValueError:
        return None


def _matching(condition: Q) -> list[JobSummary]:
    jobs = Job.objects.filter(condition).select_related("card", "owner", "key")
    # What was sent and answered is not for support to read, and may be megabytes.
    jobs = jobs.defer("inputs", "payload", "options", "result", "vectors")
    current = [of_job(job) for job in jobs.order_by("-created_at")[:MOST]]
    known = {summary.id for summary in current}
    records = JobRecord.objects.filter(condition).select_related("owner").order_by("-created_at")
    # Of a job that is being deleted at this moment there may be both.
    kept = [of_record(record) for record in records[:MOST] if record.pk not in known]
    return sorted([*current, *kept], key=lambda one: one.created_at, reverse=True)[:MOST]
