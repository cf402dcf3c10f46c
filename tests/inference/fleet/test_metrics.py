"""/metrics: only for who has the token, and totals that never shrink."""

import math
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.credits import ledger
from accounts.models import User, Wallet
from catalog.models import Mail, ModelCard, PeriodicTask
from inference import jobs
from inference.fleet import counters
from inference.jobs import claims
from inference.models import ErrorCode, Job, JobCounter, Part, StatusHour, Worker
from inference.worker import settlement
from tests.support.threads import at_once

Submit = Callable[..., Job]
TOKEN = "a-long-secret"


@pytest.fixture(autouse=True)
def _token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape(client: Client) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name and by label values."""
    response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    metrics: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(response.content.decode()):
        for sample in family.samples:
            metrics.setdefault(sample.name, {})[_known(sample.labels)] = sample.value
    return metrics


def _known(labels: dict[str, str]) -> tuple[str, ...]:
    """Values in the order of the labels' names."""
    return tuple(value for _, value in sorted(labels.items()))


def end_batch(card: ModelCard, size: int, *, ago: timedelta = timedelta(minutes=2)) -> None:
    claimed = claims.claim(card, worker="w", budget=size)
    assert len(claimed) == size
    settlement.succeed([settlement.Done(job, {"rows": []}) for job in claimed])
    Job.objects.filter(pk__in=[job.pk for job in claimed]).update(finished_at=Now() - ago)


def test_without_the_token_there_is_nothing(client: Client, db: None) -> None:
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 403


def test_without_the_setting_there_is_no_page(client: Client, db: None, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_it_is_only_read(client: Client, db: None) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}

    assert client.post("/metrics", headers=headers).status_code == 405


def test_queues_and_workers_are_told(client: Client, submit: Submit, card: ModelCard) -> None:
    submit()
    claims.claim(card, worker="w", budget=1)
    submit()
    submit()
    Worker.objects.create(
        name="w", pid=1, device="cpu", repos=[card.repo], images_per_s={card.repo: 20.0}
    )

    metrics = scrape(client)

    model = (card.repo,)
    assert metrics["gigarouter_queued_jobs"][model] == 2
    assert metrics["gigarouter_queued_images"][model] == 2
    assert metrics["gigarouter_running_jobs"][model] == 1
    assert metrics["gigarouter_oldest_wait_seconds"][model] >= 0
    assert metrics["gigarouter_workers"][model] == 1
    assert metrics["gigarouter_worker_images_per_second"][model] == 20


def test_an_idle_model_says_zero(client: Client, served_card: ModelCard) -> None:
    assert scrape(client)["gigarouter_queued_jobs"] == {(served_card.repo,): 0}


def test_totals_count_what_has_ended(client: Client, submit: Submit, card: ModelCard) -> None:
    for _ in range(3):
        submit()
    end_batch(card, 3)
    submit()
    [broken] = claims.claim(card, worker="w", budget=1)
    settlement.fail(broken, ErrorCode.INVALID_IMAGE)
    Job.objects.filter(pk=broken.pk).update(finished_at=Now() - timedelta(minutes=1))

    metrics = scrape(client)

    assert metrics["gigarouter_jobs_total"] == {
        ("", card.repo, "succeeded"): 3,
        ("invalid_image", card.repo, "failed"): 1,
    }
    assert metrics["gigarouter_images_total"] == {(card.repo,): 3}
    buckets = metrics["gigarouter_batch_size_bucket"]
    assert buckets["1.0", card.repo] == 1
    assert buckets["4.0", card.repo] == 4
    assert buckets["+Inf", card.repo] == 4
    assert metrics["gigarouter_batch_size_sum"][card.repo,] == 3 * 3 + 1


def test_totals_grow_and_outlive_the_jobs(client: Client, submit: Submit, card: ModelCard) -> None:
    submit()
    end_batch(card, 1)
    scrape(client)
    Job.objects.all().delete()
    submit()
    end_batch(card, 1, ago=timedelta(seconds=31))
    JobCounter.objects.update(counted_until=Now() - timedelta(seconds=60))

    assert scrape(client)["gigarouter_images_total"][card.repo,] == 2
    assert scrape(client)["gigarouter_images_total"][card.repo,] == 2


def test_what_may_not_be_committed_yet_is_counted_later(
    client: Client, submit: Submit, card: ModelCard
) -> None:
    submit()
    end_batch(card, 1, ago=timedelta(seconds=1))

    assert "gigarouter_images_total" not in scrape(client)


@pytest.mark.django_db(transaction=True)
def test_many_scrapes_at_once_count_once(submit: Submit, card: ModelCard) -> None:
    for _ in range(4):
        submit()
    end_batch(card, 4)

    at_once(lambda _: counters.count(), 8)

    assert [counter.jobs for counter in JobCounter.objects.all()] == [4]


def test_what_should_be_gone_is_known_to_be_late(
    client: Client, submit: Submit, card: ModelCard
) -> None:
    submit()
    Job.objects.update(deadline_at=Now() - timedelta(minutes=1))

    overdue = scrape(client)["gigarouter_overdue_seconds"]

    assert overdue[("deadlines",)] == pytest.approx(60, abs=5)
    assert overdue[("mail",)] == 0
    assert len(overdue) >= 8


def test_how_long_jobs_waited_and_ran_is_told(
    client: Client, submit: Submit, card: ModelCard
) -> None:
    submit()
    submit()
    end_batch(card, 2)
    times = {"created_at": 10, "started_at": 7, "finished_at": 6.5}
    Job.objects.update(
        **{name: Now() - timedelta(minutes=1, seconds=ago_s) for name, ago_s in times.items()}
    )

    metrics = scrape(client)

    # 3 s of waiting and half a second of work, twice.
    assert metrics["gigarouter_job_wait_seconds_sum"][card.repo,] == 6.0
    assert metrics["gigarouter_job_wait_seconds_bucket"]["2.048", card.repo] == 0
    assert metrics["gigarouter_job_wait_seconds_bucket"]["4.096", card.repo] == 2
    assert metrics["gigarouter_job_run_seconds_sum"][card.repo,] == 1.0
    assert metrics["gigarouter_job_run_seconds_bucket"]["0.512", card.repo] == 2
    assert scrape(client)["gigarouter_job_run_seconds_count"][card.repo,] == 2


def test_jobs_that_never_ran_have_no_duration(client: Client, submit: Submit) -> None:
    jobs.cancel(submit())
    Job.objects.update(finished_at=Now() - timedelta(minutes=1))

    assert "gigarouter_job_run_seconds_count" not in scrape(client)


def test_mail_that_waits_is_told(client: Client, db: None) -> None:
    Mail.objects.create(message_id="<1@x>", sender="a@x", recipients=["b@x"], subject="s")
    Mail.objects.update(
        created_at=Now() - timedelta(minutes=5), next_try_at=Now() - timedelta(minutes=3)
    )

    metrics = scrape(client)

    assert metrics["gigarouter_messages_waiting"] == {("mail",): 1, ("webhook",): 0}
    assert 300 <= metrics["gigarouter_oldest_message_seconds"]["mail",] < 400
    assert 180 <= metrics["gigarouter_late_message_seconds"]["mail",] < 280
    assert metrics["gigarouter_late_message_seconds"]["webhook",] == 0


def test_a_message_that_waits_for_its_next_try_is_not_late(client: Client, db: None) -> None:
    Mail.objects.create(message_id="<1@x>", sender="a@x", recipients=["b@x"], subject="s")
    Mail.objects.update(next_try_at=Now() + timedelta(minutes=3))

    assert scrape(client)["gigarouter_late_message_seconds"]["mail",] == 0


def test_the_process_tells_its_build_and_its_pool(
    client: Client, db: None, settings: Settings
) -> None:
    settings.REVISION = "abc123"

    metrics = scrape(client)

    [build] = metrics["gigarouter_build_info"]
    assert "abc123" in build
    assert metrics["gigarouter_database_pool_max"][()] == 12
    assert metrics["gigarouter_database_pool_size"][()] >= 1
    assert metrics["process_resident_memory_bytes"][()] > 0
    assert metrics["gigarouter_database_up"][()] == 1


def test_the_parts_of_the_last_look_are_told(client: Client, db: None) -> None:
    now = timezone.now()
    hours = [now - timedelta(hours=2), now - timedelta(hours=1)]
    for hour, was_up in zip(hours, [True, False], strict=True):
        StatusHour.objects.create(
            part=Part.STORAGE, hour=hour, checks=1, was_up=was_up, checked_at=hour
        )

    metrics = scrape(client)

    assert metrics["gigarouter_part_up"] == {("storage",): 0}
    assert metrics["gigarouter_last_look_timestamp_seconds"][()] == pytest.approx(
        hours[1].timestamp(), abs=0.01
    )


def test_each_periodic_task_says_how_long_ago_it_was_done(
    client: Client, db: None, settings: Settings
) -> None:
    PeriodicTask.objects.create(
        name="sweep",
        interval=timedelta(seconds=2.5),
        last_done_at=Now() - timedelta(seconds=90),
    )

    metrics = scrape(client)

    ages = metrics["gigarouter_periodic_task_age_seconds"]
    assert ages["sweep",] == pytest.approx(90, abs=5)
    assert ages["mail",] == math.inf
    assert {name for (name,) in ages} == set(settings.CELERY_BEAT_SCHEDULE)
    assert metrics["gigarouter_periodic_task_interval_seconds"]["sweep",] == 2.5


def test_what_the_last_look_at_the_ledger_found_is_told(client: Client, db: None) -> None:
    Wallet.objects.create(user=User.objects.create_user("ada@lab.example"))
    assert "gigarouter_ledger_differences" not in scrape(client)
    ledger.record(ledger.check())
    assert scrape(client)["gigarouter_ledger_differences"][()] == 0

    Wallet.objects.update(balance_micro_usd=1)
    ledger.record(ledger.check())

    assert scrape(client)["gigarouter_ledger_differences"][()] >= 1
