"""/healthz answers as long as the process lives; /readyz names what is missing."""

from datetime import timedelta

import pytest
from celery import current_app
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from catalog.models import ModelCard, PeriodicTask
from inference.models import Worker


def test_a_living_process_is_healthy(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db(transaction=True)
def test_ready_counts_workers_and_names_their_models(
    client: Client, served_card: ModelCard
) -> None:
    Worker.objects.update(name="gpu-host-7-4711", pid=4711)

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "database": "ok",
        "workers": 1,
        "models": [served_card.repo],
        "last_sweep_at": None,
    }
    assert "4711" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_it_says_when_the_last_sweep_was(client: Client, served_card: ModelCard) -> None:
    PeriodicTask.objects.claim("sweep", timedelta(seconds=2.5))
    PeriodicTask.objects.note_done("sweep")

    done_at = PeriodicTask.objects.get().last_done_at
    assert done_at
    assert client.get("/readyz").json()["last_sweep_at"][:19] == done_at.isoformat()[:19]


@pytest.mark.django_db(transaction=True)
def test_a_site_without_workers_or_broker_is_ready_for_its_pages(
    client: Client, served_card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_app.conf, "broker_read_url", "redis://127.0.0.1:1/0")
    Worker.objects.update(seen_at=Now() - timedelta(minutes=1))

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["workers"] == 0


@pytest.mark.parametrize("host", ["10.1.2.3:8000", "[fd00::7]:8000", "localhost", "*", "a b"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.django_db(transaction=True)
def test_probes_by_whatever_name_are_answered_and_nothing_else_is(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture, path: str, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["gigarouter.example"]
    settings.SECURE_SSL_REDIRECT = True

    assert client.get(path, headers={"host": host}).status_code == 200
    assert client.head(path, headers={"host": host}).status_code == 200
    assert "Traceback" not in caplog.text
    for other in ("/", f"{path}/", f"/x/..{path}", "/models/"):
        assert client.get(other, headers={"host": host}).status_code == 400


@pytest.mark.django_db(databases=[])
def test_health_asks_no_database(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_health_takes_no_post(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
