"""What inference keeps of a person, for them to take along and to be erased."""

from django.db import transaction

from accounts.models import Erasure, User
from catalog.infrastructure.retention import delete_some
from inference import jobs
from inference.jobs import image_files
from inference.models import OPEN, IdempotentCall, Job, JobQuerySet, JobRecord, SharedResult, State
from inference.worker.texts import store as text_store

COLUMNS = [
    "id",
    "kind",
    "card__repo",
    "key__prefix",
    "state",
    "error_code",
    "error_details",
    "inputs",
    "payload",
    "options",
    "result",
    "cost_micro_usd",
    "created_at",
    "finished_at",
]


RECORD_COLUMNS = [
    "id",
    "kind",
    "model",
    "key_prefix",
    "request_id",
    "batch_id",
    "image_count",
    "state",
    "error_code",
    "error_details",
    "cost_micro_usd",
    "created_at",
    "finished_at",
]


def export(user: User) -> dict[str, object]:
    """The jobs that are still kept, without pictures and vectors.

    Those have the job's own address while it is kept; here they would make a file too large to
    open.
    """
    calls = IdempotentCall.objects.filter(user=user).order_by("pk")
    links = SharedResult.objects.filter(job__owner=user).order_by("created_at", "pk")
    records = JobRecord.objects.filter(owner=user).order_by("created_at", "pk")
    return {
        "job_records": list(records.values(*RECORD_COLUMNS)),
        "shared_results": list(links.values("job", "created_at")),
        "jobs": list(_own(user).values(*COLUMNS)),
        "idempotency_keys": list(calls.values("endpoint", "key", "job", "created_at")),
    }


def close(user: User) -> list[str]:
    # Open jobs are ended with the first slices: there may be hundreds of them.
    return []


def erase(erasure: Erasure, limit: int) -> int:
    """End open jobs, so that what they held is free again; then delete some, and their files.

    Part of a slice's transaction; the files go on its commit. What a crash then leaves are orphans.
    """
    own = _own(erasure.user)
    # All jobs before any credit: a worker, too, locks jobs first and wallets after.
    ended = jobs.end(list(own.filter(state__in=OPEN)[:limit]), state=State.CANCELLED)
    # Only what has ended: a job that was submitted since would go with its credit still held.
    rows = list(own.final().only("inputs", "preview_file")[:limit])
    names = [name for job in rows for name in (*job.image_files, job.preview_file)]
    transaction.on_commit(lambda: image_files.delete(names))
    Job.objects.filter(pk__in=[job.pk for job in rows]).defer("result", "vectors").delete()
    if ended or rows:
        return len(ended) + len(rows)
    rest = delete_some(IdempotentCall.objects.filter(user=erasure.user_id), limit)
    rest = rest or delete_some(JobRecord.objects.filter(owner=erasure.user_id), limit)
    if not rest:
        transaction.on_commit(lambda: text_store.shared().forget([f"user:{erasure.user_id}"]))
    return rest


def forget_texts_of_the_erased() -> set[str]:
    """Drop text vectors of accounts that are gone; returns whose.

    A batch that was running when its account was erased, or a store that was away, leaves some.
    """
    store = text_store.shared()
    # Only accounts pay, and only what was paid for is stored.
    owners = [owner.partition(":") for owner in store.owners()]
    numbers = {int(number) for kind, _, number in owners if kind == "user" and number.isdecimal()}
    living = User.objects.filter(pk__in=numbers, is_active=True).values_list("pk", flat=True)
    erased = {f"user:{number}" for number in numbers.difference(living)}
    store.forget(erased)
    return erased


def _own(user: User) -> JobQuerySet:
    return Job.objects.filter(owner=user).order_by("created_at", "pk")
