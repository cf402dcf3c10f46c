"""/healthz answers as long as the process lives; /readyz names what is missing."""

from datetime import timedelta

import pytest
from celery import current_app
from django.db.models.functions import Now
from django.test import Client

from catalog.models import ModelCard
from inference.models import Worker


def test_a_living_process_is_healthy(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


def test_ready_counts_workers_and_names_their_models(
    client: Client, served_card: ModelCard
) -> None:
    Worker.objects.update(name="gpu-host-7-4711", pid=4711)

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "database": "ok",
        "broker": "ok",
        "workers": 1,
        "models": [served_card.repo],
    }
    assert "4711" not in response.content.decode()


def test_a_silent_worker_does_not_count(client: Client, served_card: ModelCard) -> None:
    Worker.objects.update(seen_at=Now() - timedelta(minutes=1))

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["workers"] == 0


def test_a_broker_that_is_away_is_named(
    client: Client, served_card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_app.conf, "broker_read_url", "redis://127.0.0.1:1/0")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["broker"] == "unreachable"


@pytest.mark.django_db(databases=[])
def test_health_asks_no_database(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_health_takes_no_post(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
