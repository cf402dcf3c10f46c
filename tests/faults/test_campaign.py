"""The campaign's own parts: when faults come, and that its audit sees what it is there to see."""

from collections import Counter

import pytest

from bench.faults import campaign, invariants
from bench.faults.campaign import Report
from bench.faults.load import Record, send_all
from inference.models import Job, State
from tests.faults.house import House

JOBS = 12


def test_each_fault_comes_in_a_short_campaign_and_in_proportion_in_a_long_one() -> None:
    short, long = campaign.plan(300, seed=1), campaign.plan(10_000, seed=1)

    assert set(campaign.TIMES) == {name for _, name in short}
    assert Counter(name for _, name in long) == campaign.TIMES
    assert [after for after, _ in long] == sorted(after for after, _ in long)
    assert 0 < long[0][0] < long[-1][0] < 10_000


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(900)
def test_the_audit_finds_nothing_wrong_until_a_job_or_a_charge_is_taken_away(house: House) -> None:
    record = Record()
    for thread in send_all(
        [house.client(record), house.client(record)], JOBS, record=record, until=lambda: False
    ):
        thread.join()
    house.settles()

    whole = Report()
    campaign.audit(whole, record)
    assert (whole.accepted, whole.breaches) == (JOBS, [])
    assert whole.ended == {State.SUCCEEDED: JOBS - 1, "failed (invalid_image)": 1}

    lost, stuck = Job.objects.filter(state=State.SUCCEEDED)[:2]
    Job.objects.filter(pk=lost.pk).delete()
    Job.objects.filter(pk=stuck.pk).update(
        state=State.FAILED, error_code="internal", cost_micro_usd=None, result=None, vectors=None
    )
    broken = Report()
    campaign.audit(broken, record)
    assert (broken.lost, broken.charged_twice) == (1, 0)
    assert f"I3 job {lost.pk} is lost" in broken.breaches
    assert any(f"I4/I5 job {stuck.pk}" in breach for breach in broken.breaches)
    assert any(f"I6 job {stuck.pk}" in breach for breach in broken.breaches)
    assert invariants.breaches([]) != []
