"""F27, F32, F33: cancels against results, a flood against a trickle, everything at once."""

import random
import statistics
import time
import uuid

import pytest
from django.db import connection

from accounts import credits
from accounts.models import Category, User
from catalog.demand import votes
from catalog.models import COMING_SOON, Vote
from inference import jobs
from inference.jobs import queue
from inference.kinds.embed import request as embed
from inference.models import Job, State
from tests.conftest import make_card
from tests.faults.house import House, only_long
from tests.support.rows import start_of
from tests.support.threads import at_once

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]


def test_f27_a_job_is_cancelled_or_charged_never_both(house: House) -> None:
    """At random moments, while the worker works."""
    rng = random.Random(27)  # noqa: S311
    count = 1000 if house.is_long else 30
    pace_s = 0.02 if house.is_long else 0.3
    said: dict[object, bool] = {}
    for start in range(0, count, 10):
        some = [house.submit() for _ in range(min(10, count - start))]
        rng.shuffle(some)
        for job in some:
            time.sleep(rng.random() * pace_s)
            said[job.pk] = jobs.cancel(job)
    house.settles()

    house.check()
    became = dict(Job.objects.values_list("pk", "state"))
    assert all(said[pk] == (state == State.CANCELLED) for pk, state in became.items())
    cancelled = sum(said.values())
    house.report(f"{cancelled} of {count} cancelled, {count - cancelled} charged")


def waits_s(user: User) -> list[float]:
    return [wait_s(job) for job in Job.objects.filter(owner=user)]


def wait_s(job: Job) -> float:
    return (start_of(job) - job.created_at).total_seconds()


def trickle(house: House, bob: User, seconds: int) -> list[float]:
    """One job a second; how long each waited for a worker."""
    before = set(Job.objects.filter(owner=bob).values_list("pk", flat=True))
    for _ in range(seconds):
        house.submit(payer=bob)
        time.sleep(1)
    house.settles_for(bob)
    return [wait_s(job) for job in Job.objects.filter(owner=bob).exclude(pk__in=before)]


@only_long("a worker is flooded, whose order is tested below")
def test_f32_a_flood_does_not_hold_back_somebody_else(house: House, bob: User) -> None:
    alone = trickle(house, bob, 10)
    worker = house.worker()
    worker.suspend()  # or it would have done half of them before the last is there
    flood = [house.submit() for _ in range(2000)]
    worker.resume()
    with house.fault("forward", "slow any"):
        among = trickle(house, bob, 10)
        left = Job.objects.queued().filter(owner=house.payer).count()
    house.settles(seconds=600)

    house.check()
    assert len(flood) == 2000
    house.report(
        f"waits of one job a second: alone median {statistics.median(alone) * 1000:.0f} ms, "
        f"longest {max(alone) * 1000:.0f} ms; beside 2,000 jobs "
        f"median {statistics.median(among) * 1000:.0f} ms, longest {max(among) * 1000:.0f} ms "
        f"({left} of the flood still queued at the end)"
    )
    flooders = waits_s(house.payer)
    house.report(f"the flood itself waited {statistics.median(flooders):.1f} s, the median")


def test_f32_the_first_job_of_somebody_else_is_among_the_next(house: House, bob: User) -> None:
    worker = house.worker()
    worker.suspend()
    for _ in range(40):
        house.submit()
    late = house.submit(payer=bob)

    before = (
        Job.objects.queued()
        .filter(virtual_start__lt=Job.objects.get(pk=late.pk).virtual_start)
        .count()
    )
    elapsed = Job.objects.get(pk=late.pk).created_at - Job.objects.earliest("created_at").created_at
    worker.resume()

    # Those whose turn had come by then, each 30 ms after the one before.
    assert before <= elapsed / queue.TIME_PER_INPUT + 1
    house.settles()
    house.check()


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_f33_spends_votes_and_cancels_at_once_do_not_deadlock(house: House, bob: User) -> None:
    """F20 and F21, F22, F27: the last credit, one vote, a cancel beside a result."""
    poor = User.objects.create_user("poor@lab.example")
    credits.grant(
        poor,
        amount_micro_usd=3000 if house.is_long else 40,
        category=Category.PURCHASE,
        reference="purchase:poor",
    )
    wanted = make_card("openai/wanted", stage=COMING_SOON[0])
    refused: list[str] = []

    def spend() -> None:
        try:
            job = submit_words(house, poor)
        except credits.NotEnoughCredit as error:
            refused.append(str(error))
            return
        if random.random() < 0.2:  # noqa: S311
            jobs.cancel(job)

    def vote() -> None:
        votes.cast(wanted, bob)
        votes.withdraw(wanted, bob)

    def race() -> None:
        job = submit_words(house, house.payer)
        time.sleep(random.random() * 0.02)  # noqa: S311
        jobs.cancel(job)

    before = deadlocks()
    end_s = time.monotonic() + (60 if house.is_long else 2)

    def work(index: int) -> int:
        rounds = 0
        while time.monotonic() < end_s or not rounds:
            (spend, vote, race)[index % 3]()
            rounds += 1
        return rounds

    rounds = at_once(work, 9)
    house.settles()

    house.check()
    assert deadlocks() == before
    assert Vote.objects.filter(user=bob).count() <= 1
    assert refused, "the credit was never spent"
    assert credits.balance_of(poor).held == 0
    house.report(f"{sum(rounds)} rounds, {len(refused)} spends refused, no deadlock")


def submit_words(house: House, payer: User) -> Job:
    """A job without a picture: cheap for the machine, 8 µ$ for the payer."""
    request = embed.job_request(house.card, [uuid.uuid4().hex])
    job = jobs.submit(request, requester=jobs.Requester(payer.pk, None), payer=payer)
    house.accepted.append(job.pk)
    return job
