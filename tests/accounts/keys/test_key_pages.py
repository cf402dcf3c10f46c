"""The page of API keys: makes them, shows each secret once, revokes them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey, User

SECRET = re.compile(r"<code>(gr_live_\w{49})</code>")


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


@pytest.fixture
def signed_in(client: Client, ada: User) -> Client:
    client.force_login(ada)
    return client


def make(client: Client, **changes: str) -> Any:
    fields = {"name": "laptop", "lifetime": "90", "limit": "2.50", "idempotency_key": "t"} | changes
    return client.post("/account/keys/", fields)


def secret_on(page: str) -> str:
    match = SECRET.search(page)
    assert match, "no secret on the page"
    return match.group(1)


def test_a_key_is_made_as_asked(signed_in: Client, ada: User) -> None:
    key = keys.find(secret_on(make(signed_in).content.decode()))

    assert key
    assert key.expires_at
    assert (key.user, key.name, key.limit_micro_usd) == (ada, "laptop", 2_500_000)
    assert timedelta(89) < key.expires_at - timezone.now() <= timedelta(90)


def test_a_key_needs_neither_end_nor_limit(signed_in: Client) -> None:
    make(signed_in, lifetime="", limit="")

    key = ApiKey.objects.get()
    assert (key.expires_at, key.limit_micro_usd) == (None, None)


def test_the_secret_is_shown_once_and_kept_nowhere(
    signed_in: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    response = make(signed_in)
    secret = secret_on(response.content.decode())

    assert "no-store" in response["Cache-Control"]
    assert secret not in signed_in.get("/account/keys/").content.decode()
    assert secret not in caplog.text
    assert not any(secret in str(session.get_decoded()) for session in Session.objects.all())
    assert not any(secret in cookie.value for cookie in signed_in.cookies.values())


def test_the_list_shows_how_a_key_begins_and_ends(signed_in: Client) -> None:
    secret = secret_on(make(signed_in).content.decode())

    page = signed_in.get("/account/keys/").content.decode()

    assert f"{secret[:12]}…{secret[-4:]}" in page
    assert "$2.50" in page


def test_a_double_click_makes_one_key_and_both_answers_show_it(signed_in: Client) -> None:
    first, again = (secret_on(make(signed_in).content.decode()) for _ in range(2))

    assert first == again
    assert ApiKey.objects.count() == 1


def test_the_same_form_sent_again_later_says_so(signed_in: Client) -> None:
    make(signed_in)
    ApiKey.objects.update(created_at=timezone.now() - timedelta(minutes=5))

    response = make(signed_in)

    assert response.status_code == 409
    assert "already created a key" in response.content.decode()
    assert not SECRET.search(response.content.decode())


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": " "},
        {"name": "x" * 61},
        {"name": "a\0b"},
        {"lifetime": "1"},
        {"lifetime": "-30"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "0.001"},
        {"limit": "NaN"},
        {"limit": "1e99"},
        {"limit": "much"},
        {"idempotency_key": "x" * 65},
    ],
)
def test_bad_input_makes_no_key(signed_in: Client, changes: dict[str, str]) -> None:
    response = make(signed_in, **changes)

    assert response.status_code == 400
    assert "No key was created" in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_name_is_escaped(signed_in: Client) -> None:
    page = make(signed_in, name="<script>").content.decode()

    assert "&lt;script&gt;" in page
    assert "<script>" not in page.replace('<script type="module"', "")


def test_the_twenty_first_key_is_refused_in_a_sentence(signed_in: Client, ada: User) -> None:
    for number in range(20):
        keys.issue(ada, name=str(number))

    response = make(signed_in)

    assert response.status_code == 409
    assert "Revoke one" in response.content.decode()


def test_a_key_is_revoked_by_a_button(signed_in: Client) -> None:
    secret = secret_on(make(signed_in).content.decode())
    address = f"/account/keys/{ApiKey.objects.get().pk}/revoke/"

    assert address in signed_in.get("/account/keys/").content.decode()
    page = signed_in.post(address, follow=True).content.decode()

    assert "was revoked" in page
    assert address not in page
    assert keys.find(secret) is None


def test_another_persons_key_does_not_exist(signed_in: Client) -> None:
    key, secret = keys.issue(User.objects.create_user("bob@lab.example"), name="bob's")

    assert signed_in.post(f"/account/keys/{key.pk}/revoke/").status_code == 404
    assert signed_in.post(f"/account/keys/{'9' * 30}/revoke/").status_code == 404
    assert keys.find(secret) == key
    assert "bob&#x27;s" not in signed_in.get("/account/keys/").content.decode()


@pytest.mark.parametrize("address", ["/account/keys/", "/account/keys/1/revoke/"])
def test_a_stranger_is_asked_to_sign_in(client: Client, db: None, address: str) -> None:
    assert client.post(address)["Location"].startswith("/accounts/login/")


def test_wrong_verbs_are_refused(signed_in: Client) -> None:
    assert signed_in.get("/account/keys/1/revoke/").status_code == 405
    assert signed_in.put("/account/keys/").status_code == 405


def test_a_form_from_elsewhere_is_refused(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)

    assert make(client).status_code == 403
