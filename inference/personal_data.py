"""What inference keeps of a person, for them to take along and to be erased."""

from django.db import transaction

from accounts.models import User, Wallet
from inference import jobs
from inference.jobs import image_files
from inference.models import OPEN, Job, JobQuerySet, State

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


def export(user: User) -> dict[str, object]:
    """The jobs that are still kept, without pictures and vectors.

    Those have the job's own address while it is kept; here they would make a file too large to
    open.
    """
    return {"jobs": list(_own(user).values(*COLUMNS))}


def erase(user: User) -> None:
    """End open jobs, so that what they held is free again; then all go, and their files on commit.

    Part of the transaction that deletes the person.
    """
    _end_open(user)
    # From here on a new job of theirs waits, and fails once there is no such person.
    Wallet.objects.select_for_update(of=("self",), no_key=True).filter(user=user).first()
    _end_open(user)  # jobs that were submitted just before that
    # An S3 store takes its time for thousands of files, and the wallet's row is locked until the
    # commit. What a crash then leaves are orphans.
    rows = _own(user).only("inputs", "preview_file").iterator(chunk_size=500)
    names = [name for job in rows for name in (*job.image_files, job.preview_file)]
    _own(user).defer("result", "vectors").delete()  # megabytes that nobody reads
    transaction.on_commit(lambda: image_files.delete(names))


def _end_open(user: User) -> None:
    """All jobs before any credit: a worker, too, locks jobs first and wallets after."""
    jobs.end(list(_own(user).filter(state__in=OPEN)), state=State.CANCELLED)


def _own(user: User) -> JobQuerySet:
    return Job.objects.filter(owner=user).order_by("created_at", "pk")
