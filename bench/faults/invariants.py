"""What must hold after every fault (I1-I6, I10 and I11 of the reliability goals), in one place."""

import uuid
from collections.abc import Collection, Iterator
from datetime import timedelta

from django.core.files.storage import default_storage
from django.db.models import Count, F, Q

from accounts.credits import ledger
from accounts.models import Entry, EntryKind, Hold, HoldState, Wallet
from bench.faults import transitions
from catalog.models import Mail
from inference.jobs import tidy
from inference.models import FINAL, Job, State


def hold_for(accepted: Collection[uuid.UUID]) -> None:
    """Fails with every breach there is; `accepted` are the jobs that somebody was promised."""
    found = breaches(accepted)
    assert not found, "\n".join(found)  # noqa: S101


def breaches(accepted: Collection[uuid.UUID]) -> list[str]:
    return [
        *_money(),
        *_jobs(accepted),
        *_charges(),
        *_ends(),
        *_files(),
        *_outbox(),
    ]


def _money() -> Iterator[str]:
    yield from (f"I1 {difference}" for difference in ledger.check().differences)
    negative = Wallet.objects.filter(
        Q(balance_micro_usd__lt=F("held_micro_usd")) | Q(held_micro_usd__lt=0)
    )
    yield from (f"I2 wallet {wallet.pk} is below zero" for wallet in negative)


def _jobs(accepted: Collection[uuid.UUID]) -> Iterator[str]:
    found = dict(Job.objects.values_list("pk", "state"))
    yield from (f"I3 job {pk} is lost" for pk in accepted if pk not in found)
    yield from (f"I3 job {pk} is {state}" for pk, state in found.items() if state not in FINAL)
    yield from (f"I11 job {pk} was never asked for" for pk in found if pk not in accepted)


def _charges() -> Iterator[str]:
    captured = Entry.objects.filter(kind=EntryKind.CAPTURE)
    twice = captured.values("reference").annotate(times=Count("pk")).filter(times__gt=1)
    yield from (f"I4 {row['reference']} was charged {row['times']} times" for row in twice)
    charged = {entry.reference: -entry.balance_effect_micro_usd for entry in captured}
    holds = {hold.reference: hold for hold in Hold.objects.all()}
    # Lines of batches are paid for by the part that they are in.
    for job in Job.objects.interactive().filter(is_paid=True):
        is_success = job.state == State.SUCCEEDED
        if is_success != (job.hold_reference in charged):
            yield f"I4/I5 job {job.pk} is {job.state}, charged: {not is_success}"
        elif is_success and charged[job.hold_reference] != job.cost_micro_usd:
            yield f"I5 job {job.pk} costs {job.cost_micro_usd}, not what was charged"
        wanted = HoldState.CAPTURED if is_success else HoldState.RELEASED
        if holds[job.hold_reference].state != wanted:
            yield f"I5 job {job.pk} is {job.state}, its hold {holds[job.hold_reference].state}"


def _ends() -> Iterator[str]:
    ends = transitions.ends()
    yield from (f"I6 job {pk} ended {times} times" for pk, times in ends.items() if times > 1)
    yield from (f"I6 job {pk} ended and went on" for pk in transitions.resurrections())
    ended = {str(pk) for pk in Job.objects.final().values_list("pk", flat=True)}
    yield from (f"I6 job {pk} ended unseen" for pk in ended - set(ends))


def _files() -> Iterator[str]:
    """A crash may leave pictures of jobs that have ended, which the tidying then finds."""
    tidy.delete_orphans(older_than=timedelta(seconds=-5))
    left = default_storage.listdir("pictures")[1] if default_storage.exists("pictures") else []
    yield from (f"the picture {name} is left" for name in left)


def _outbox() -> Iterator[str]:
    waiting = Mail.objects.due().filter(attempt_count__gt=0)
    yield from (f"I10 mail {mail.pk} waits for ever" for mail in waiting)
    unrung = Job.objects.queued().count()
    if unrung:
        yield f"I10 {unrung} jobs wait for somebody to be told of them"
