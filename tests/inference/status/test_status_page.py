"""/status/: what works, what does not, and that nobody looked is never called well."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from catalog.models import ModelCard, PeriodicTask
from inference.models import Incident, Part, StatusHour
from inference.status import bars, history
from inference.status.history import Condition

PAGE = "/status/"


def hour(
    *, ago: int = 0, failed: int = 0, checks: int = 60, up: bool = True, **of: object
) -> StatusHour:
    start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=ago)
    checked = timezone.now() - timedelta(hours=ago)
    return StatusHour.objects.create(
        hour=start, checks=checks, failed_checks=failed, was_up=up, checked_at=checked, **of
    )


def text_of(client: Client) -> str:
    return client.get(PAGE).content.decode()


def test_before_the_first_look_it_says_so(client: Client, db: None) -> None:
    assert "no checks yet" in text_of(client)


def test_all_is_well_when_the_last_look_found_no_trouble(client: Client, db: None) -> None:
    hour(part=Part.API)

    assert "all systems are up" in text_of(client)


def test_trouble_is_named(client: Client, card: ModelCard) -> None:
    hour(part=Part.API)
    hour(card=card, failed=1, up=False)

    page = text_of(client)
    assert "some parts are down" in page
    assert f"Down: {card.name}" in page
    assert "no worker" in page


def test_an_old_look_is_no_word_of_now(client: Client, db: None) -> None:
    hour(part=Part.API)
    StatusHour.objects.update(checked_at=Now() - timedelta(minutes=4))

    page = text_of(client)
    assert "current status unknown" in page
    assert "all systems are up" not in page


def test_where_nobody_looks_because_nobody_works_that_is_said(client: Client, db: None) -> None:
    hour(part=Part.JOBS)
    StatusHour.objects.update(checked_at=Now() - timedelta(minutes=4))
    PeriodicTask.objects.create(
        name="sweep",
        interval=timedelta(seconds=2.5),
        last_done_at=Now() - timedelta(minutes=4),
    )

    page = text_of(client)
    assert "current status unknown" in page
    assert "Down: background work" in page


def test_hours_without_looks_are_unknown_and_days_add_up(db: None) -> None:
    hour(part=Part.API, ago=2, failed=15)
    hour(part=Part.API, ago=1, failed=60, up=False)
    hour(part=Part.API)

    [record] = history.load().parts

    assert [each.condition for each in record.hours[-4:]] == [
        Condition.UNKNOWN,
        Condition.PARTLY,
        Condition.DOWN,
        Condition.UP,
    ]
    assert record.is_up
    assert record.up_share == pytest.approx(1 - 75 / 180)
    assert len(record.hours) == 24
    assert len(record.days) == 30


def test_the_picture_says_the_same_in_words(db: None) -> None:
    hour(part=Part.API, ago=1, failed=15)
    hour(part=Part.API)

    picture = bars.of_hours(history.load().parts[0])

    assert picture.words == "last 24 hours: failed checks in 1 of 2 hours, 22 without checks"
    assert picture.bars[-2].words.endswith("15 of 60 checks failed")
    assert picture.bars[-2].height < picture.bars[-1].height


def test_a_model_shows_its_waits_and_failures(client: Client, card: ModelCard) -> None:
    hour(card=card, jobs=40, failed_jobs=2, wait_p50_ms=87, wait_p95_ms=1640)

    page = " ".join(text_of(client).split())
    assert "wait p50 87 ms" in page
    assert "1.6 s" in page
    assert "2 of 40 jobs failed on our side" in page


def test_many_models_cost_no_more_queries(
    client: Client, card: ModelCard, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hour(card=card)
    for part in Part:
        hour(part=part)

    with django_assert_num_queries(5):
        history.load()


def test_the_json_has_the_same_figures(client: Client, card: ModelCard) -> None:
    hour(card=card, jobs=40, failed_jobs=2, wait_p50_ms=87, wait_p95_ms=1640, failed=6)
    report = client.get("/status.json").json()

    assert report["is_current"]
    [model] = report["models"]
    assert (model["name"], model["is_up"], model["failed_jobs_24_hours"]) == (card.name, True, 2)
    assert model["up_share_30_days"] == pytest.approx(0.9)
    assert model["hours"][-1]["failed_checks"] == 6


def test_an_incident_is_told_on_the_page_and_in_the_feed(client: Client, db: None) -> None:
    incident = Incident.objects.create(title="<b>API slow</b>", parts="API")
    incident.updates.create(text="A disk was <full>.")

    page, feed = text_of(client), client.get("/status/incidents.atom").content.decode()

    assert "&lt;b&gt;API slow" in page
    assert "ongoing" in page
    assert "A disk was &lt;full&gt;." in page
    assert "API slow" in feed
    assert f"/status/#incident-{incident.pk}" in feed


def test_an_incident_that_is_over_says_when_it_ended(client: Client, db: None) -> None:
    began = timezone.now()
    Incident.objects.create(title="API slow", started_at=began, ended_at=began)

    assert "ongoing" not in text_of(client)


def test_the_operator_writes_incidents_in_the_admin(client: Client, db: None) -> None:
    client.force_login(User.objects.create_superuser("root@lab.example"))
    page = client.get("/admin/inference/incident/add/")
    sent = {
        "title": "mail is late",
        "started_at_0": "2026-11-30",
        "started_at_1": "10:00",
        "updates-TOTAL_FORMS": "1",
        "updates-INITIAL_FORMS": "0",
        "updates-0-text": "The provider is slow.",
        "updates-0-written_at_0": "2026-11-30",
        "updates-0-written_at_1": "10:05",
    }

    answer = client.post("/admin/inference/incident/add/", sent)

    assert page.status_code == 200
    assert answer.status_code == 302
    assert Incident.objects.get().updates.get().text == "The provider is slow."


def test_an_incident_does_not_end_before_it_began(client: Client, db: None) -> None:
    client.force_login(User.objects.create_superuser("root@lab.example"))
    sent = {
        "title": "mail is late",
        "started_at_0": "2026-11-30",
        "started_at_1": "10:00",
        "ended_at_0": "2026-11-29",
        "ended_at_1": "10:00",
        "updates-TOTAL_FORMS": "0",
        "updates-INITIAL_FORMS": "0",
    }

    answer = client.post("/admin/inference/incident/add/", sent)

    assert "cannot end before it began" in answer.content.decode()
    assert not Incident.objects.exists()


def test_strangers_write_no_incidents(client: Client, db: None) -> None:
    assert client.post("/admin/inference/incident/add/", {"title": "x"}).status_code == 302
    assert not Incident.objects.exists()


@pytest.mark.parametrize("address", [PAGE, "/status.json", "/status/incidents.atom"])
def test_it_is_only_read(client: Client, db: None, address: str) -> None:
    assert client.get(address).status_code == 200
    assert client.post(address).status_code == 405
