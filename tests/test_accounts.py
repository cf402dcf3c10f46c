"""People sign in by a code in their mail; their address is who they are."""

import re

import pytest
from django.core import mail
from django.db import IntegrityError
from django.test import Client
from pytest_django import Settings

from accounts import checks
from accounts.models import User


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


def code_in_mail() -> str:
    found = re.search(r"^([A-Z0-9][A-Z0-9-]{4,})$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found.group(1)


def test_one_address_is_one_person_however_it_is_written(ada: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("ADA@lab.example")


def test_signing_up_takes_an_address_and_the_code_mailed_to_it(db: None, client: Client) -> None:
    sent = client.post("/accounts/signup/", {"email": "ada@lab.example"})

    client.post(sent["Location"], {"code": code_in_mail()})

    assert client.session["_auth_user_id"] == str(User.objects.get().pk)


def test_a_code_from_the_mail_signs_in(db: None, client: Client) -> None:
    sent = client.post("/accounts/signup/", {"email": "ada@lab.example"})
    client.post(sent["Location"], {"code": code_in_mail()})
    client.post("/accounts/logout/")
    sent = client.post("/accounts/login/code/", {"email": "ada@lab.example"})

    client.post(sent["Location"], {"code": code_in_mail()})

    assert client.session["_auth_user_id"] == str(User.objects.get().pk)


def test_a_wrong_code_does_not(ada: User, client: Client) -> None:
    client.post("/accounts/login/code/", {"email": ada.email})

    client.post("/accounts/login/code/confirm/", {"code": "WRONG-1"})

    assert "_auth_user_id" not in client.session


def test_known_and_unknown_addresses_get_the_same_answer(ada: User, client: Client) -> None:
    known = client.post("/accounts/login/code/", {"email": ada.email})
    unknown = Client().post("/accounts/login/code/", {"email": "nobody@lab.example"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


@pytest.mark.parametrize(
    "address", ["/accounts/login/", "/accounts/signup/", "/accounts/login/code/"]
)
def test_the_pages_for_signing_in_look_like_the_site(
    db: None, client: Client, address: str
) -> None:
    page = client.get(address).content.decode()

    assert "skip to content" in page
    assert "gigarouter" in page


def test_the_admin_is_for_staff(ada: User, client: Client) -> None:
    client.force_login(ada)

    assert client.get("/admin/catalog/modelcard/").status_code == 302


def test_staff_find_people_cards_and_jobs(db: None, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@lab.example", "secret"))

    for address in ["accounts/user/", "catalog/modelcard/", "inference/job/", "inference/worker/"]:
        assert client.get(f"/admin/{address}?q=a").status_code == 200


@pytest.mark.parametrize(("kind", "warnings"), [("smtp", 0), ("console", 1), ("dummy", 1)])
def test_a_real_site_must_send_its_mail(kind: str, warnings: int, settings: Settings) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{kind}.EmailBackend"

    assert len(checks.mail_is_sent()) == warnings
