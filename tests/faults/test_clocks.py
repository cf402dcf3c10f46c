"""F19: processes whose clock is two hours off steal no lease, and let no job expire."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models.functions import Now

from catalog.models import PeriodicTask
from inference.models import Job, State
from tests.faults.house import BEAT, DRAIN, HOUSE, House, database_now, done_after, only_long
from tests.support.site import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
    only_long("two programs start under another clock"),
    pytest.mark.skipif(not shutil.which("faketime"), reason="there is no `faketime` program"),
]

SWEEP = """
import django
django.setup()
from inference.jobs import sweep, tidy
from catalog.infrastructure.retention import Budget
print(sweep.sweep())
tidy.tidy(Budget(10))
tidy.delete_orphans()
"""


@pytest.mark.parametrize("off", ["+2h", "-2h"])
def test_f19_a_clock_that_is_off_takes_nothing_from_anybody(house: House, off: str) -> None:
    worker = house.worker()
    with house.fault("forward", "slow any"):
        held = house.submit()
        wait_for(lambda: Job.objects.running().filter(pk=held.pk).exists())
        worker.suspend()
    # Nobody renews it meanwhile, and by the database's clock it is not over.
    Job.objects.filter(pk=held.pk).update(lease_until=Now() + timedelta(minutes=5))
    waiting = house.submit()
    Job.objects.filter(pk=waiting.pk).update(attempt=0)

    run_with_clock(house, off, SWEEP)
    assert set(Job.objects.values_list("pk", "state", "attempt")) == {
        (held.pk, State.RUNNING, 1),
        (waiting.pk, State.QUEUED, 0),
    }
    run_with_clock(house, off, DRAIN, house.card.repo)
    assert set(Job.objects.values_list("pk", "state", "attempt")) == {
        (held.pk, State.RUNNING, 1),
        (waiting.pk, State.SUCCEEDED, 1),
    }
    worker.resume()
    house.settles()

    house.check()
    assert set(Job.objects.values_list("state", "attempt")) == {(State.SUCCEEDED, 1)}


def run_with_clock(house: House, off: str, program: str, *arguments: str) -> None:
    # The monotonic clock goes on as it is: that is what clocks that are set do.
    command = ["faketime", "--exclude-monotonic", "-f", off, sys.executable, "-c", program]
    subprocess.run(
        [*command, *arguments],
        env=house.environ(),
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("off", ["+2h", "-2h"])
@pytest.mark.parametrize(
    ("role", "words"),
    [
        (["beat"], BEAT),
        (["worker", "-Q", "mail,house", "--pool", "threads", "--hostname", "house@%h"], HOUSE),
    ],
    ids=["beat", "house"],
)
def test_f19_housekeeping_goes_on_where_a_clock_is_off(
    house: House, off: str, role: list[str], words: tuple[str, ...]
) -> None:
    """Of the process that sends, or of the one that is sent to."""
    own = house.site.child(*words)
    own.suspend()
    command = ["faketime", "--exclude-monotonic", "-f", off, sys.executable, "-m", "celery"]
    other = subprocess.Popen(
        [*command, "-A", "config", *role],
        env=house.environ(),
        cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        PeriodicTask.objects.all().delete()
        moment = database_now()
        wait_for(lambda: all(done_after(name, moment) for name in ("sweep", "mail", "launches")))
    finally:
        os.killpg(other.pid, signal.SIGTERM)
        other.wait()
        own.resume()
