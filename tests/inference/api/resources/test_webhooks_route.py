"""/v1/webhooks: the same verbs as the account's page, for programs."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery import current_app
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier

from inference.models import TEST_EVENT, Attempt, Delivery, DeliveryState, Event, Webhook
from inference.webhooks import sending
from tests.inference.api.conftest import Api, make_caller

URL = "https://good.example/hook"


@pytest.fixture(autouse=True)
def _quiet_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker listens here; each test sends for itself."""
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


def add(api: Api, **fields: object) -> dict[str, object]:
    answer = api.http.post("/v1/webhooks", json={"url": URL} | fields)
    assert answer.status_code == 200, answer.text
    added: dict[str, object] = answer.json()
    return added


def test_a_webhook_is_added_changed_and_removed(api: Api) -> None:
    added = add(api, events=["job.failed"])
    address = f"/v1/webhooks/{added['id']}"

    assert str(added["secret"]).startswith("whsec_")
    assert api.http.get(address).json()["secret"] is None
    assert [one["id"] for one in api.http.get("/v1/webhooks").json()["data"]] == [added["id"]]
    changed = api.http.post(address, json={"events": ["batch.completed"], "enabled": False}).json()
    assert (changed["events"], changed["enabled"]) == (["batch.completed"], False)
    assert changed["disabled_reason"] == "owner"
    assert api.http.post(address, json={"enabled": True}).json()["enabled"]
    rotated = api.http.post(f"{address}/rotate").json()["secret"]
    assert rotated != added["secret"]
    assert api.http.delete(address).json() == {
        "id": added["id"],
        "object": "webhook",
        "deleted": True,
    }
    assert api.http.get(address).status_code == 404


def test_without_events_it_is_called_for_all(api: Api) -> None:
    assert add(api)["events"] == Event.values


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://good.example/hook"}, "invalid_webhook_url"),
        ({"url": "https://127.0.0.1/hook"}, "invalid_webhook_url"),
        ({"url": "http://localhost:8001/hook"}, "invalid_webhook_url"),
        ({"url": URL, "events": ["job.started"]}, "invalid_request"),
        ({"url": URL, "events": []}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_what_is_no_webhook_is_refused(
    api: Api, settings: Settings, body: dict[str, object], code: str
) -> None:
    settings.DEBUG = False

    refused = api.http.post("/v1/webhooks", json=body)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
    assert not Webhook.objects.exists()


def test_others_webhooks_do_not_exist(api: Api) -> None:
    address = f"/v1/webhooks/{add(api)['id']}"
    _, _, secret = make_caller("mallory@lab.example")
    stranger = api.client(secret)

    assert stranger.get(address).status_code == 404
    assert stranger.post(address, json={"enabled": False}).status_code == 404
    assert stranger.post(f"{address}/test").status_code == 404
    assert stranger.post(f"{address}/rotate").status_code == 404
    assert stranger.delete(address).status_code == 404
    assert stranger.get("/v1/webhooks").json()["data"] == []


def test_a_webhook_that_is_off_gets_no_test(api: Api) -> None:
    address = f"/v1/webhooks/{add(api)['id']}"
    api.http.post(address, json={"enabled": False})

    assert api.http.post(f"{address}/test").json()["error"]["code"] == "webhook_disabled"
    assert not Delivery.objects.exists()


@contextmanager
def receiver() -> Iterator[tuple[int, list[tuple[dict[str, str], bytes]]]]:
    """A developer's own server on this machine: its port, and what it got."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port, received
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_developers_receiver_gets_a_signed_test_event(
    api: Api, settings: Settings, host: str
) -> None:
    settings.DEBUG = True
    with receiver() as (port, received):
        added = add(api, url=f"http://{host}:{port}/hook")
        delivery = api.http.post(f"/v1/webhooks/{added['id']}/test").json()
        sending.send_due()

    [(headers, body)] = received
    assert headers["webhook-id"] == delivery["id"]
    Verifier(str(added["secret"])).verify(body, headers)
    event = json.loads(body)
    assert (event["type"], event["data"]["object"]) == (TEST_EVENT, "job")
    assert Delivery.objects.get().state == DeliveryState.DELIVERED


def test_on_a_real_site_this_machine_is_no_address_whatever_the_table_says(
    api: Api, settings: Settings
) -> None:
    settings.DEBUG = True
    with receiver() as (port, received):
        added = add(api, url=f"http://127.0.0.1:{port}/hook")
        settings.DEBUG = False
        api.http.post(f"/v1/webhooks/{added['id']}/test")
        sending.send_due()

    assert received == []
    assert Attempt.objects.get().failure == "connection"
