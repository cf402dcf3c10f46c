"""Showing that it is still you, without being signed out."""

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.fakes.passkey import Passkey
from tests.support.letters import add_passkey, code_in_mail, sign_in
from tests.support.totp import totp_code

AGAIN = "/account/again/?next=/account/data/"


@pytest.fixture
def ada(db: None, client: Client) -> User:
    """Signed in with `client`, a long time ago."""
    sign_in(Client())
    ada = User.objects.get()
    client.force_login(ada)
    mail.outbox.clear()
    return ada


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("address", ["/account/data/", "/account/delete/"])
def test_a_session_left_open_is_asked_and_a_code_by_mail_answers(
    ada: User, client: Client, address: str
) -> None:
    led = client.get(address)["Location"]
    assert led == f"/account/again/?next={address.replace('/', '%2F')}"

    client.post(led, {"way": "send", "next": address})
    answer = client.post(led, {"way": "mail", "code": code_in_mail(), "next": address})

    assert answer["Location"] == address
    assert mail.outbox[0].to == [ada.email]
    assert client.get(address).status_code == 200


def test_nothing_about_it_signs_anybody_out(ada: User, client: Client) -> None:
    key = client.session.session_key
    for sent in [{}, {"way": "send"}, {"way": "mail", "code": "WRONG"}, {"way": "x"}]:
        client.get(AGAIN)
        client.post("/account/again/", sent)
        assert is_signed_in(client), sent

    assert client.session.session_key == key
    assert client.get("/account/").status_code == 200


def test_three_wrong_codes_end_it_and_the_right_one_comes_too_late(
    ada: User, client: Client
) -> None:
    client.post(AGAIN, {"way": "send"})
    for _ in range(3):
        assert client.post(AGAIN, {"way": "mail", "code": "WRONG-1"}).status_code == 400

    assert client.post(AGAIN, {"way": "mail", "code": code_in_mail()}).status_code == 400
    assert client.get("/account/data/").status_code == 302


def test_a_code_is_good_once_and_only_where_it_was_asked_for(ada: User, client: Client) -> None:
    client.post(AGAIN, {"way": "send"})
    other = Client()
    other.force_login(ada)

    assert other.post(AGAIN, {"way": "mail", "code": code_in_mail()}).status_code == 400
    assert client.post(AGAIN, {"way": "mail", "code": code_in_mail()}).status_code == 302
    assert client.post(AGAIN, {"way": "mail", "code": code_in_mail()}).status_code == 400


def test_a_code_of_one_person_is_none_of_another(ada: User, client: Client) -> None:
    client.post(AGAIN, {"way": "send"})
    sent = client.session["identity_code"]
    other = Client()
    sign_in(Client(), "bob@lab.example")
    other.force_login(User.objects.get(email="bob@lab.example"))
    session = other.session
    session["identity_code"] = sent
    session.save()

    assert other.post(AGAIN, {"way": "mail", "code": sent["code"]}).status_code == 400


def test_codes_are_counted_and_the_page_says_when_the_next_comes(ada: User, client: Client) -> None:
    for _ in range(4):
        page = client.post(AGAIN, {"way": "send"}, follow=True).content.decode()

    assert len(mail.outbox) <= 3
    assert "can send the next code in" in page
    assert client.post(AGAIN, {"way": "mail", "code": code_in_mail()}).status_code == 302


def test_whoever_has_an_app_shows_that_and_no_mail(ada: User, client: Client) -> None:
    secret = generate_totp_secret()
    TOTP.activate(ada, secret)

    page = client.get(AGAIN).content.decode()
    assert "send me a code" not in page
    client.post(AGAIN, {"way": "send"})
    assert mail.outbox == []
    assert client.post(AGAIN, {"way": "app", "code": "000000"}).status_code == 400
    answer = client.post(AGAIN, {"way": "app", "code": totp_code(secret)})

    assert answer["Location"] == "/account/data/"
    assert client.get("/account/data/").status_code == 200


def test_a_recovery_code_stands_in_for_the_app_once(ada: User, client: Client) -> None:
    TOTP.activate(ada, generate_totp_secret())
    code = RecoveryCodes.activate(ada).get_unused_codes()[0]

    assert client.post(AGAIN, {"way": "app", "code": code}).status_code == 302
    assert client.post(AGAIN, {"way": "app", "code": code}).status_code == 400


@pytest.fixture
def passkey(ada: User, client: Client) -> Passkey:
    """One that Ada has added, a long time ago as well."""
    browser = Client()
    sign_in(browser)
    passkey = add_passkey(browser)
    mail.outbox.clear()
    return passkey


def test_a_passkey_answers_without_a_mail(ada: User, client: Client, passkey: Passkey) -> None:
    options = client.get(AGAIN).context["passkey_options"]["request_options"]
    sent = {"way": "passkey", "credential": passkey.get(options), "next": "/account/data/"}

    assert client.post(AGAIN, sent)["Location"] == "/account/data/"
    assert client.get("/account/data/").status_code == 200
    assert client.post(AGAIN, sent).status_code == 400, "it is good once"


def test_a_passkey_of_somebody_else_is_none(ada: User, client: Client, passkey: Passkey) -> None:
    bob = Client()
    sign_in(bob, "bob@lab.example")
    bobs = add_passkey(bob)
    options = client.get(AGAIN).context["passkey_options"]["request_options"]

    answer = client.post(AGAIN, {"way": "passkey", "credential": bobs.get(options)})

    assert answer.status_code == 400
    assert client.get("/account/data/").status_code == 302


def test_an_invented_passkey_is_refused(ada: User, client: Client, passkey: Passkey) -> None:
    for credential in ["", "[]", "{}", "null", "not json", '{"id": "x", "response": {}}']:
        answer = client.post(AGAIN, {"way": "passkey", "credential": credential})
        assert answer.status_code == 400, credential
    assert client.get("/account/data/").status_code == 302


def test_it_leads_to_no_other_site(ada: User, client: Client) -> None:
    address = "/account/again/?next=https://evil.example/"
    assert "evil" not in client.get(address).content.decode()
    sent = {"way": "send", "next": "https://evil.example/"}
    assert "evil" not in client.post("/account/again/", sent)["Location"]

    answer = client.post(address, {"way": "mail", "code": code_in_mail()})

    assert answer["Location"] == "/account/"


def test_what_was_posted_is_done_once_it_is_clear_who_it_was(ada: User, client: Client) -> None:
    posted = {"email": "ada@home.example", "action_add": ""}
    led = client.post("/accounts/email/", posted)["Location"]
    assert led.startswith("/account/again/")
    client.post(led, {"way": "send"})

    client.post(led, {"way": "mail", "code": code_in_mail(), "next": "/accounts/email/"})

    assert mail.outbox[-1].to == ["ada@home.example"]
