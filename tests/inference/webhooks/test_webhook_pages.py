"""The pages of webhooks: each secret shown once, each webhook its owner's alone."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from accounts import lifecycle
from accounts.models import User
from inference.models import Delivery, Event, Webhook
from inference.webhooks import signing_secrets
from tests.fakes.far_server import Answer, FarServer
from tests.inference.webhooks.conftest import URL, Send

SECRET = re.compile(r"<code>(whsec_[\w+/=]{44})</code>")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signed_in(client: Client, ada: User) -> Client:
    client.force_login(ada)
    return client


def add(client: Client, **changes: Any) -> Any:
    fields = {"url": URL, "events": Event.values} | changes
    return client.post("/account/webhooks/", fields)


def secret_on(page: str) -> str:
    match = SECRET.search(page)
    assert match, "no secret on the page"
    return match.group(1)


def test_the_secret_is_shown_once(signed_in: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    response = add(signed_in)
    secret = secret_on(response.content.decode())

    assert "no-store" in response["Cache-Control"]
    webhook = Webhook.objects.get()
    for page in ("/account/webhooks/", f"/account/webhooks/{webhook.pk}/"):
        content = signed_in.get(page).content.decode()
        assert secret not in content
        assert URL in content
    assert secret not in caplog.text
    assert signing_secrets.decrypt(webhook.secret) == secret


def test_a_double_click_adds_one_webhook_and_both_answers_show_its_secret(
    signed_in: Client,
) -> None:
    first, again = (secret_on(add(signed_in).content.decode()) for _ in range(2))

    assert first == again
    assert Webhook.objects.count() == 1


def test_the_same_address_later_is_refused_in_a_sentence(signed_in: Client) -> None:
    add(signed_in)
    Webhook.objects.update(created_at=Now() - timedelta(minutes=5))

    response = add(signed_in)

    assert response.status_code == 409
    assert "You have a webhook with this address" in response.content.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"url": ""},
        {"url": "http://good.example/"},
        {"url": "https://127.0.0.1\\@good.example/"},
        {"url": "https://user:password@good.example/"},
        {"url": "https://good.example:8000/"},
        {"url": "https://localhost/"},
        {"url": "https://127.0.0.1/"},
        {"url": "https://10.0.0.7/hook"},
        {"url": "https://169.254.169.254/latest/meta-data/"},
        {"url": "https://[::1]/"},
        {"url": "https://[::ffff:10.0.0.7]/"},
        {"url": "https://[fd00::1]/"},
        {"url": "https://good.example/" + "a" * 2048},
        {"url": "https://good.example/\0"},
        {"url": "javascript:alert(1)"},
        {"events": []},
        {"events": ["job.born"]},
    ],
)
def test_bad_input_adds_nothing(signed_in: Client, changes: dict[str, Any]) -> None:
    response = add(signed_in, **changes)

    assert response.status_code == 400
    assert "No webhook was added" in response.content.decode()
    assert not Webhook.objects.exists()


def test_an_address_is_escaped(signed_in: Client) -> None:
    page = add(signed_in, url='https://good.example/"><script>x</script>').content.decode()

    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_the_log_shows_each_try_and_a_button_repeats_it(
    signed_in: Client, delivery: Delivery, far: FarServer, send: Send
) -> None:
    far.answers["/hook"] = Answer(status=500, body=b"their words")
    send()
    log = f"/account/webhooks/{delivery.webhook_id}/"
    page = signed_in.get(log).content.decode()
    assert "500 the answer was not 2xx" in page
    assert delivery.message_id in page
    assert "their words" not in page

    far.answers["/hook"] = Answer()
    again = signed_in.post(f"/account/webhooks/replay/{delivery.pk}/", follow=True).content.decode()
    send()

    assert "It is sent again now" in again
    assert "delivered" in signed_in.get(log).content.decode()


def test_a_webhook_is_switched_rotated_and_removed_by_buttons(
    signed_in: Client, delivery: Delivery, hook: tuple[Webhook, str]
) -> None:
    at = f"/account/webhooks/{delivery.webhook_id}/"
    assert (
        "It is off" in signed_in.post(f"{at}switch/", {"to": "off"}, follow=True).content.decode()
    )
    replay = signed_in.post(f"/account/webhooks/replay/{delivery.pk}/", follow=True)
    assert "Switch it on first" in replay.content.decode()
    assert "It is on" in signed_in.post(f"{at}switch/", {"to": "on"}, follow=True).content.decode()
    rotated = signed_in.post(f"{at}secret/")
    assert "no-store" in rotated["Cache-Control"]
    assert secret_on(rotated.content.decode()) not in {hook[1], ""}
    assert "removed" in signed_in.post(f"{at}remove/", follow=True).content.decode()
    assert signed_in.get(at).status_code == 404


def test_replays_have_a_limit(
    signed_in: Client, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.webhooks.views.REPLAYS_PER_HOUR", 1)

    pages = [
        signed_in.post(f"/account/webhooks/replay/{delivery.pk}/", follow=True).content.decode()
        for _ in range(2)
    ]

    assert "It is sent again now" in pages[0]
    assert "That was a lot" in pages[1]


def addresses(pk: object, delivery: object) -> list[str]:
    at = f"/account/webhooks/{pk}/"
    return [f"{at}{verb}/" for verb in ("secret", "switch", "remove")] + [
        f"/account/webhooks/replay/{delivery}/"
    ]


def test_another_persons_webhook_does_not_exist(client: Client, delivery: Delivery) -> None:
    client.force_login(User.objects.create_user("bob@lab.example"))

    assert client.get(f"/account/webhooks/{delivery.webhook_id}/").status_code == 404
    for address in addresses(delivery.webhook_id, delivery.pk) + addresses("9" * 30, uuid.uuid4()):
        assert client.post(address).status_code == 404
    assert Webhook.objects.enabled().count() == 1
    assert URL not in client.get("/account/webhooks/").content.decode()


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    for address in ["/account/webhooks/", *addresses(1, uuid.uuid4())]:
        assert client.post(address)["Location"].startswith("/accounts/login/")
    assert client.get("/account/webhooks/1/")["Location"].startswith("/accounts/login/")


def test_wrong_verbs_are_refused(signed_in: Client) -> None:
    for address in addresses(1, uuid.uuid4()):
        assert signed_in.get(address).status_code == 405
    assert signed_in.put("/account/webhooks/").status_code == 405
    assert signed_in.post("/account/webhooks/1/").status_code == 405


def test_a_form_from_elsewhere_is_refused(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)

    assert add(client).status_code == 403


def test_webhooks_go_along_with_the_export_without_their_secrets(
    ada: User, delivery: Delivery, hook: tuple[Webhook, str]
) -> None:
    text = str(lifecycle.export(ada))

    assert URL in text
    assert str(delivery.job_id) in text
    assert hook[1] not in text
    assert hook[0].secret not in text


def test_webhooks_go_with_the_person_and_their_last_jobs_are_not_delivered(
    ada: User, delivery: Delivery
) -> None:
    lifecycle.delete(ada)

    assert not Webhook.objects.exists()
    assert not Delivery.objects.exists()
