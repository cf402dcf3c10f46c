"""F10, F11, F28, F29: messages that are never sent, come twice, or come to what was cancelled."""

import subprocess
import sys
import time

import pytest
from celery import current_app
from django.conf import settings

from inference import jobs
from inference.jobs import sweep, wake
from inference.models import Job, State
from tests.faults.house import House, only_long
from tests.support.site import wait_for
from tests.support.threads import at_once

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]

# A process of its own, for it is to die: prints the job's id when it comes that far, which it must
# not, and has it written down before that.
SUBMIT = """
import sys, uuid, django
django.setup()
from accounts.models import User
from catalog.models import ModelCard
from inference import images, jobs
from inference.kinds.classify import request as classify
payer = User.objects.get(email=sys.argv[1])
request = classify.job_request(ModelCard.objects.get(repo=sys.argv[2]), labels=["a", "b"],
    images=[images.check(open(sys.argv[3], "rb").read())], template="{}")
requester = jobs.Requester(payer.pk, None)
jobs.submit(request, requester=requester, payer=payer, idempotency_key=sys.argv[4])
"""


def submit_elsewhere(house: House, idempotency_key: str) -> int:
    """Exit status of a process that submits a job."""
    picture = str(settings.BASE_DIR / "static" / "samples" / "cat.jpg")
    command = [
        sys.executable,
        "-c",
        SUBMIT,
        house.payer.email,
        house.card.repo,
        picture,
        idempotency_key,
    ]
    return subprocess.run(
        command, env=house.environ(), cwd=settings.BASE_DIR, check=False
    ).returncode


def test_f10_a_crash_between_commit_and_message_delays_the_job_only(house: House) -> None:
    with house.fault("submitted", "exit any once"):
        assert submit_elsewhere(house, "the same") == 13
    began_s = time.monotonic()
    [job] = Job.objects.all()
    house.accepted.append(job.pk)
    if not house.is_long:
        Job.objects.update(woken_at=None)
        sweep.sweep()
    house.settles()
    took_s = time.monotonic() - began_s

    # Whoever got no answer asks again with the same idempotency_key: one job, one charge (I11).
    assert submit_elsewhere(house, "the same") == 0
    house.check()
    house.report(f"the job was done {took_s:.1f} s after the crash")


def test_f11_nineteen_of_twenty_messages_find_nothing(house: House) -> None:
    for _ in range(20 if house.is_long else 1):
        job = house.submit()
        for _ in range(20):
            current_app.send_task(wake.RUN_BATCHES, args=[house.card.pk], queue=house.card.queue)
    house.settles()

    house.check()
    assert set(Job.objects.values_list("state", "attempt")) == {(State.SUCCEEDED, 1)}
    assert len(house.site.lines_with("job succeeded", f"job={job.pk}")) == 1


def test_f28_what_is_cancelled_while_it_waits_never_runs(house: House) -> None:
    worker = house.worker()
    worker.suspend()
    waiting = [house.submit() for _ in range(200 if house.is_long else 12)]
    cancelled = waiting[::2]
    answers = at_once(lambda index: jobs.cancel(cancelled[index]), min(len(cancelled), 20))
    answers += [jobs.cancel(job) for job in cancelled[len(answers) :]]
    worker.resume()
    house.settles()

    house.check()
    assert all(answers)
    ran = Job.objects.filter(pk__in=[job.pk for job in cancelled], attempt__gt=0)
    # What the frozen worker had claimed already is not waiting any more.
    assert ran.count() <= 1
    assert Job.objects.filter(state=State.CANCELLED).count() == len(cancelled)
    assert Job.objects.filter(state=State.SUCCEEDED).count() == len(waiting) - len(cancelled)


def test_f29_two_sweepers_at_once_move_each_job_once(house: House) -> None:
    worker = house.worker()
    worker.suspend()
    for _ in range(40 if house.is_long else 8):
        house.submit()
    worker.resume()
    wait_for(lambda: Job.objects.running().exists() or not Job.objects.queued().exists())
    worker.kill()
    for _ in range(20 if house.is_long else 3):
        house.lost_leases_end()
        at_once(lambda _: sweep.sweep(), 6)
        time.sleep(0.1)
    house.is_helped()
    house.settles()

    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert max(Job.objects.values_list("attempt", flat=True)) <= 2


@only_long("another beat has to start")
def test_f29_two_beats_at_once(house: House) -> None:
    with house.one_more_beat(), house.fault("forward", "slow any"):
        for _ in range(3):
            for _ in range(10):
                house.submit()
            wait_for(lambda: Job.objects.running().exists())
            house.worker().kill()
            house.settles()

    house.check()
    assert max(Job.objects.values_list("attempt", flat=True)) <= 2
