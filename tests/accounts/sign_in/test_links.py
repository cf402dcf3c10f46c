"""A link from the command line signs in once, soon, with the second factor, and is written down."""

import re
from io import StringIO
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts import lifecycle
from accounts.models import User
from config.access_log import redacted
from tests.support.threads import at_once


@pytest.fixture
def ada(db: None) -> User:
    ada = User.objects.create_user("ada@lab.example")
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    return ada


def make_link(email: str = "ada@lab.example") -> str:
    out = StringIO()
    call_command("sign_in_link", email, stdout=out)
    [address] = re.findall(r"^http\S+$", out.getvalue(), flags=re.MULTILINE)
    path: str = urlsplit(address).path
    return path


def who(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def test_the_button_signs_in_and_opening_the_page_does_not(ada: User, client: Client) -> None:
    link = make_link()

    page = client.get(link)

    assert "ada@lab.example" in page.content.decode()
    assert who(client) is None
    client.post(link)
    assert who(client) == str(ada.pk)
    assert mail.outbox == []


def test_it_works_once(ada: User) -> None:
    link = make_link()
    Client().post(link)
    thief = Client()

    assert thief.post(link).status_code == 410
    assert thief.get(link).status_code == 410
    assert who(thief) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_in() -> None:
    User.objects.create_user("ada@lab.example")
    link = make_link()

    statuses = at_once(lambda _: Client().post(link).status_code, 4)

    assert sorted(statuses) == [302, 410, 410, 410]


def test_it_ends_after_a_quarter_of_an_hour(ada: User, client: Client, settings: Settings) -> None:
    link = make_link()
    settings.PASSWORD_RESET_TIMEOUT = -1

    assert client.post(link).status_code == 410
    assert who(client) is None


def test_another_sign_in_ends_it(ada: User, client: Client) -> None:
    first, second = make_link(), make_link()
    Client().post(second)

    assert client.post(first).status_code == 410


def test_an_authenticator_app_is_still_asked_for(ada: User, client: Client) -> None:
    TOTP.activate(ada, generate_totp_secret())

    response = client.post(make_link())

    assert response.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert who(client) is None
    assert Authenticator.objects.filter(user=ada).exists()


def test_the_admin_still_asks_for_the_second_factor(
    ada: User, client: Client, settings: Settings
) -> None:
    settings.ADMIN_SECOND_FACTOR = True
    User.objects.update(is_staff=True, is_superuser=True)
    client.post(make_link())

    response = client.get("/admin/", follow=True)

    assert response.redirect_chain[-1][0].startswith("/account/second-factor/")


def test_making_and_using_it_are_written_down(
    ada: User, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    User.objects.update(is_staff=True)
    client.post(make_link())

    notes = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert re.fullmatch(r"Sign-in link made at the command line by \S+@\S+\.", notes[0])
    assert notes[1] == "Sign-in link used from 127.0.0.1."
    assert all(note in caplog.text for note in notes)


def test_it_keeps_nobody_from_being_deleted(ada: User) -> None:
    Client().post(make_link())

    lifecycle.delete(ada)  # which refuses who has a history in the admin

    assert not User.objects.filter(pk=ada.pk).exists()


@pytest.mark.parametrize("token", ["x", "c0ffee-0123456789abcdef0123456789abcdef"])
def test_a_made_up_link_is_none(ada: User, client: Client, token: str) -> None:
    uid = make_link().split("/")[3]

    for each in (uid, "x", "OTk5OTk5", "_"):
        assert client.post(f"/account/link/{each}/{token}/").status_code == 410


def test_who_is_blocked_gets_none(ada: User) -> None:
    link = make_link()
    User.objects.update(is_active=False)

    with pytest.raises(CommandError, match="blocked"):
        make_link()
    assert Client().post(link).status_code == 410


def test_a_stranger_gets_none(db: None) -> None:
    with pytest.raises(CommandError, match="nobody has the address"):
        make_link("nobody@lab.example")


def test_the_operator_is_who_called_sudo(
    ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SUDO_USER", "grace")
    make_link()

    assert "by grace@" in caplog.text


def test_the_link_is_not_written_to_the_log(ada: User) -> None:
    link = make_link()

    assert link.split("/")[4] not in redacted(link)
