"""A new person meets their credit, a key and a call that works, and no key that nobody has seen."""

import re

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiKey, User
from catalog.models import ModelCard, Stage
from inference.models import Worker
from tests.conftest import make_card
from tests.support.letters import sign_in

PAGE = "/account/welcome/"


@pytest.fixture
def ada(db: None, client: Client, settings: Settings) -> User:
    settings.FREE_CREDIT_MICRO_USD = 1_000_000
    sign_in(client)
    return User.objects.get(email="ada@lab.example")


def test_signing_up_leads_to_the_welcome_and_signing_in_again_does_not(
    client: Client, db: None
) -> None:
    assert sign_in(client)["Location"] == PAGE

    client.post("/accounts/logout/")

    assert sign_in(client)["Location"] == "/"


def test_who_came_for_a_key_is_welcomed_by_one(client: Client, db: None) -> None:
    assert sign_in(client, go_to="/account/keys/")["Location"] == PAGE


def test_who_came_for_something_else_gets_it_and_is_told_of_the_credit(
    client: Client, card: ModelCard, settings: Settings
) -> None:
    settings.FREE_CREDIT_MICRO_USD = 2_000_000

    answer = sign_in(client, go_to="/roadmap/")

    assert answer["Location"] == "/roadmap/"
    assert "comes with $2.00 of free credit" in client.get("/roadmap/").content.decode()


def test_the_flag_of_a_first_sign_in_is_for_that_person_alone(client: Client, db: None) -> None:
    bob = User.objects.create_user("bob@lab.example")
    bob.emailaddress_set.create(email=bob.email, verified=True, primary=True)  # type: ignore[attr-defined]
    session = client.session
    session["first_sign_in"] = bob.pk + 1
    session.save()
    User.objects.filter(pk=bob.pk).update(last_login="2026-01-01T00:00Z")

    assert sign_in(client, bob.email)["Location"] == "/"


def test_looking_makes_no_key(ada: User, client: Client) -> None:
    for _ in range(2):
        page = client.get(PAGE).content.decode()
    assert "$1.00" in page
    assert "create my first key" in page
    assert not ApiKey.objects.exists()


def test_a_click_makes_one_key_shown_once(ada: User, client: Client) -> None:
    form = {"idempotency_key": "k" * 32}

    response = client.post(PAGE, form)
    again = client.post(PAGE, form)  # a double click

    page = response.content.decode()
    secret = re.findall(r"gr_live_[0-9A-Za-z]{49}", page)[0]
    assert secret in again.content.decode()
    assert "no-store" in response["Cache-Control"]
    key = ApiKey.objects.get()
    assert key.user == ada
    assert key.expires_at is None
    assert secret not in client.get(PAGE).content.decode()


def test_strangers_are_led_to_sign_in(client: Client, db: None) -> None:
    assert client.get(PAGE)["Location"].startswith("/accounts/login/")
    assert client.post(PAGE)["Location"].startswith("/accounts/login/")
    assert client.put(PAGE).status_code == 405
    assert not ApiKey.objects.exists()


def test_beyond_the_most_keys_the_page_says_so(ada: User, client: Client) -> None:
    for number in range(20):
        client.post(PAGE, {"idempotency_key": str(number)})

    response = client.post(PAGE, {"idempotency_key": "one more"})

    assert response.status_code == 409
    assert "Revoke one first" in response.content.decode()


def test_the_call_names_a_model_that_answers_and_a_real_one_first(
    ada: User, client: Client
) -> None:
    priced = {"launch_price_nano_usd_per_image": 94_000, "stage": Stage.LIVE}
    make_card("a/not-served", **priced)
    make_card("b/free-of-price", stage=Stage.LIVE, image_gflops=None)
    stand_in = make_card("c/stand-in", is_stand_in=True, stage=Stage.PREVIEW)
    Worker.objects.create(name="w", pid=1, device="cpu", repos=["b/free-of-price", stand_in.repo])
    assert '"model": "c/stand-in"' in html_code(client)

    make_card("d/served", **priced)
    Worker.objects.update(repos=["b/free-of-price", stand_in.repo, "d/served"])

    assert '"model": "d/served"' in html_code(client)


def test_without_a_worker_no_call_is_shown(ada: User, client: Client) -> None:
    page = client.get(PAGE).content.decode()

    assert "No worker serves a model right now" in page
    assert "curl" not in page


def html_code(client: Client) -> str:
    return client.get(PAGE).content.decode()
