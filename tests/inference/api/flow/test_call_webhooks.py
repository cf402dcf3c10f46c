"""A call may name an address that is called when its job ends, and nothing else."""

import json

import httpx
import pytest
from celery import current_app
from django.db.models.functions import Now
from standardwebhooks import Webhook as Verifier

from accounts import keys
from catalog.infrastructure.retention import Budget
from inference.models import Delivery, Webhook
from inference.webhooks import endpoints, sending
from tests.fakes.far_server import Answer, canary, far_server, world
from tests.inference.api.conftest import Api, in_base64

URL = "https://good.example/done?id=7"


@pytest.fixture(autouse=True)
def _quiet_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker listens here; each test sends for itself."""
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


def embed(api: Api, **fields: object) -> httpx.Response:
    body = {"model": api.card.repo, "input": "a cat"} | fields
    return api.http.post("/v1/embeddings", json=body)


def test_the_end_of_the_job_is_delivered_signed_for_the_key(api: Api) -> None:
    embed(api)
    assert embed(api, webhook=URL).status_code == 200
    secret = api.http.get("/v1/webhooks/secret").json()["secret"]

    with far_server() as far, canary() as bird:
        far.answers = {"/done?id=7": Answer(status=204)}
        sending.send_due(client=world(far, bird))

    [request] = far.requests
    Verifier(secret).verify(request.body, dict(request.headers))
    event = json.loads(request.body)
    assert (event["type"], event["data"]["status"]) == ("job.succeeded", "succeeded")


def test_a_failure_is_delivered_too_and_standing_webhooks_go_on(api: Api) -> None:
    standing, _ = endpoints.add(api.user, url="https://a.example/", events=["job.failed"])
    image = {"image": in_base64(b"\xff\xd8\xff\xe0 no picture at all")}

    embed(api, webhook=URL)
    embed(api, input=[image], webhook=URL)

    found = Delivery.objects.values_list("webhook__url", "event")
    assert set(found) <= {(URL, "job.succeeded"), (URL, "job.failed"), (standing.url, "job.failed")}
    assert (URL, "job.succeeded") in found


def test_such_an_address_is_no_webhook_of_the_account(api: Api) -> None:
    embed(api, webhook=URL)

    assert api.http.get("/v1/webhooks").json()["data"] == []
    assert endpoints.add(api.user, url=URL, events=["job.failed"])


@pytest.mark.parametrize("url", ["http://good.example/", "https://127.0.0.1/", "mailto:a@b.c", " "])
def test_what_cannot_be_called_is_refused_and_nothing_is_run(api: Api, url: str) -> None:
    refused = embed(api, webhook=url)

    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["code"], error["param"]) == ("invalid_webhook_url", "webhook")


def test_another_key_signs_with_another_secret(api: Api) -> None:
    _, other = keys.issue(api.user, name="other")

    secrets = {
        client.get("/v1/webhooks/secret").json()["secret"]
        for client in (api.http, api.client(other))
    }

    assert len(secrets) == 2


def test_addresses_are_forgotten_days_after_the_last_call(api: Api) -> None:
    embed(api, webhook=URL)
    Webhook.objects.update(created_at=Now() - sending.KEEP_NAMED_FOR)
    embed(api, webhook=URL)

    sending.tidy(Budget(5))
    assert Webhook.objects.count() == 1

    Webhook.objects.update(created_at=Now() - sending.KEEP_NAMED_FOR)
    sending.tidy(Budget(5))
    assert not Webhook.objects.exists()


def test_a_retry_by_idempotency_key_delivers_once(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"model": api.card.repo, "input": "a cat", "webhook": URL}

    for _ in range(2):
        api.http.post("/v1/embeddings", json=body, headers=headers)

    assert Delivery.objects.count() == 1
