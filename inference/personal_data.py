"""What inference keeps of a person, for them to take along and to be erased."""

from django.db import transaction

from accounts.models import User, Wallet
from inference import jobs
from inference.jobs import image_files
from inference.models import OPEN, Job, JobQuerySet, State
from inference.worker import text_store

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
    """End open jobs, so that what they held is free again; then all go, and on commit their files
    and the vectors of their texts.

    Part of the transaction that deletes the person.
    """
    owner = f"user:{user.pk}"
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
    transaction.on_commit(lambda: text_store.shared().forget([owner]))


def forget_texts_of_the_erased() -> set[str]:
    """Drop text vectors of accounts that are gone; returns whose.

    A batch that was running when its account was erased, or a store that was away, leaves some.
    """
    store = text_store.shared()
    # Only accounts pay, and only what was paid for is stored.
    owners = [owner.partition(":") for owner in store.owners()]
    numbers = {int(number) for kind, _, number in owners if kind == "user" and number.isdecimal()}
    living = User.objects.filter(pk__in=numbers).values_list("pk", flat=True)
    erased = {f"user:{number}" for number in numbers.difference(living)}
    store.forget(erased)
    return erased


def _end_open(user: User) -> None:
    """All jobs before any credit: a worker, too, locks jobs first and wallets after."""
    jobs.end(list(_own(user).filter(state__in=OPEN)), state=State.CANCELLED)


def _own(user: User) -> JobQuerySet:
    return Job.objects.filter(owner=user).order_by("created_at", "pk")
