"""Once a minute somebody looks at everything, and writes down what was seen."""

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from pytest_django import Settings

from catalog.infrastructure.retention import Budget
from catalog.models import Mail, ModelCard, PeriodicTask, Stage
from inference.jobs import claims
from inference.models import ErrorCode, Job, Part, StatusHour
from inference.status import checks, recording
from inference.worker import settlement
from tests.support.threads import at_once

Submit = Callable[..., Job]


class Answers(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def front(settings: Settings) -> Iterator[type[Answers]]:
    """Something that stands at the site's address."""

    class Front(Answers): ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
    settings.SITE_URL = f"http://127.0.0.1:{server.server_port}"
    settings.MAIL_TRANSPORT = ""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Front
    server.shutdown()
    thread.join()
    server.server_close()


def look_again() -> None:
    StatusHour.objects.update(checked_at=Now() - timedelta(minutes=1))
    assert recording.record()


def hour_of(part: Part) -> StatusHour:
    return StatusHour.objects.get(part=part)


def test_a_look_at_a_healthy_site_finds_no_trouble(
    front: type[Answers], served_card: ModelCard
) -> None:
    assert recording.record()

    hours = StatusHour.objects.all()
    assert {hour.part or hour.card_id for hour in hours} == {
        *(set(Part) - {Part.MAIL}),
        served_card.pk,
    }
    assert all((hour.checks, hour.failed_checks, hour.was_up) == (1, 0, True) for hour in hours)


def test_a_second_look_within_the_minute_counts_nothing(
    front: type[Answers], served_card: ModelCard
) -> None:
    recording.record()

    assert not recording.record()
    assert hour_of(Part.API).checks == 1


@pytest.mark.django_db(transaction=True)
def test_looks_at_the_same_moment_count_once(front: type[Answers], served_card: ModelCard) -> None:
    taken = at_once(lambda _: recording.record(), 4)

    assert sum(taken) == 1
    assert hour_of(Part.API).checks == 1


def test_a_website_that_fails_or_is_away_is_trouble(front: type[Answers], card: ModelCard) -> None:
    recording.record()
    front.status = 502
    look_again()

    website = hour_of(Part.WEBSITE)
    assert (website.checks, website.failed_checks, website.was_up) == (2, 1, False)


def test_an_api_that_wants_a_key_is_there(front: type[Answers], card: ModelCard) -> None:
    front.status = 401
    recording.record()

    assert hour_of(Part.API).was_up


def test_nobody_at_the_address_is_trouble(settings: Settings, card: ModelCard) -> None:
    settings.SITE_URL = "http://127.0.0.1:9"

    assert not checks.look_at_parts()[Part.WEBSITE]


def test_a_storage_that_keeps_nothing_is_trouble(
    front: type[Answers], settings: Settings, card: ModelCard
) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": "/proc/nowhere"},
        }
    }

    assert not checks.look_at_parts()[Part.STORAGE]


def test_a_look_at_the_storage_leaves_no_file(front: type[Answers], card: ModelCard) -> None:
    assert checks.look_at_parts()[Part.STORAGE]

    assert default_storage.listdir(checks.PROBE_FOLDER)[1] == []


def test_a_lease_that_nobody_takes_back_is_trouble(
    front: type[Answers], submit: Submit, card: ModelCard
) -> None:
    submit()
    claims.claim(card, worker="w", budget=1)
    assert checks.look_at_parts()[Part.JOBS]

    Job.objects.update(lease_until=Now() - timedelta(minutes=3))
    assert not checks.look_at_parts()[Part.JOBS]


def test_mail_that_stays_is_trouble_where_mail_is_sent(
    front: type[Answers], settings: Settings, card: ModelCard
) -> None:
    Mail.objects.create(
        message_id="<1@x>", sender="a@x.example", recipients=["b@x.example"], subject="s"
    )
    assert Part.MAIL not in checks.look_at_parts()

    settings.MAIL_TRANSPORT = "django.core.mail.backends.locmem.EmailBackend"
    assert checks.look_at_parts()[Part.MAIL]
    Mail.objects.update(next_try_at=Now() - timedelta(minutes=3))
    assert not checks.look_at_parts()[Part.MAIL]


def test_a_promised_model_without_a_worker_is_trouble(
    front: type[Answers], card: ModelCard
) -> None:
    ModelCard.objects.filter(pk=card.pk).update(stage=Stage.PREVIEW)
    recording.record()

    assert not StatusHour.objects.get(card=card).was_up


def test_a_model_that_nobody_promised_or_serves_is_not_looked_at(
    front: type[Answers], card: ModelCard
) -> None:
    recording.record()

    assert not StatusHour.objects.filter(card=card).exists()


def test_jobs_count_with_their_waits_and_only_our_failures(
    front: type[Answers], submit: Submit, served_card: ModelCard
) -> None:
    for error in (None, ErrorCode.INTERNAL, ErrorCode.INVALID_IMAGE):
        job = submit()
        Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(seconds=2))
        [claimed] = claims.claim(served_card, worker="w", budget=1)
        if error:
            settlement.fail(claimed, error)
        else:
            settlement.succeed([settlement.Done(claimed, {"rows": []})])
    recording.record()

    hours = StatusHour.objects.filter(card=served_card)
    assert sum(hour.jobs for hour in hours) == 3
    assert sum(hour.failed_jobs for hour in hours) == 1
    assert all(2000 <= (hour.wait_p50_ms or 0) <= (hour.wait_p95_ms or 0) for hour in hours)


def test_jobs_that_are_deleted_stay_counted(
    front: type[Answers], submit: Submit, served_card: ModelCard
) -> None:
    submit()
    [claimed] = claims.claim(served_card, worker="w", budget=1)
    settlement.succeed([settlement.Done(claimed, {"rows": []})])
    recording.record()
    Job.objects.all().delete()
    look_again()

    assert sum(hour.jobs for hour in StatusHour.objects.filter(card=served_card)) == 1


def test_hours_are_kept_for_a_month(front: type[Answers], card: ModelCard) -> None:
    recording.record()
    hour = StatusHour.objects.filter(part=Part.API)
    hour.update(hour=Now() - timedelta(days=32))

    recording.tidy(Budget(5))

    assert not hour.exists()
    assert StatusHour.objects.filter(part=Part.WEBSITE).exists()


@pytest.mark.parametrize(
    ("task", "part"),
    [
        ("sweep", Part.JOBS),
        ("launches", Part.JOBS),
        ("fetched", Part.JOBS),
        ("webhooks", Part.WEBHOOKS),
        ("mail", Part.MAIL),
    ],
)
def test_a_periodic_task_that_nobody_does_any_more_is_seen(
    front: type[Answers], served_card: ModelCard, settings: Settings, task: str, part: Part
) -> None:
    settings.MAIL_TRANSPORT = "django.core.mail.backends.locmem.EmailBackend"
    PeriodicTask.objects.create(
        name=task,
        interval=timedelta(seconds=10),
        last_done_at=Now() - timedelta(seconds=80),
    )

    recording.record()

    down = {Part(hour.part) for hour in StatusHour.objects.filter(was_up=False)}
    assert down == {part}
