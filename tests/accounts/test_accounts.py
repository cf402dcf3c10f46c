"""Who people are, what staff see, and what a real site must have set."""

import pytest
from django.db import IntegrityError
from django.test import Client
from pytest_django import Settings

from accounts import checks
from accounts.models import User
from catalog.models import ModelCard
from inference.models import Worker


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


def test_one_address_is_one_person_however_it_is_written(ada: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("ADA@lab.example")


def test_the_admin_is_for_staff(ada: User, client: Client) -> None:
    client.force_login(ada)

    assert client.get("/admin/catalog/modelcard/").status_code == 302
    assert client.get("/admin/login/").status_code == 403


def test_the_door_of_the_admin_is_our_own_sign_in_page(db: None, client: Client) -> None:
    led = client.get("/admin/", follow=True)

    assert led.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"
    assert "password" not in led.content.decode().replace("No password", "")


def test_staff_find_people_cards_and_jobs(db: None, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@lab.example", "secret"))

    for address in ["accounts/user/", "catalog/modelcard/", "inference/job/", "inference/worker/"]:
        assert client.get(f"/admin/{address}?q=a").status_code == 200


def test_staff_look_at_workers_and_jobs_and_change_none(
    db: None, client: Client, served_card: ModelCard
) -> None:
    client.force_login(User.objects.create_superuser("root@lab.example", "secret"))
    worker = Worker.objects.get()
    address = f"/admin/inference/worker/{worker.pk}"

    page = client.get(f"{address}/change/")
    answers = [
        client.post(f"{address}/change/", {"name": "another"}),
        client.post(f"{address}/delete/", {"post": "yes"}),
        client.get("/admin/inference/worker/add/"),
        client.get("/admin/inference/job/add/"),
    ]

    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert [answer.status_code for answer in answers] == [403, 403, 403, 403]
    assert Worker.objects.get().name == worker.name


@pytest.mark.parametrize(
    ("transport", "warnings"),
    [
        ("django.core.mail.backends.smtp.EmailBackend", 0),
        ("django.core.mail.backends.console.EmailBackend", 1),
        ("", 1),
    ],
)
def test_a_real_site_must_send_its_mail(transport: str, warnings: int, settings: Settings) -> None:
    settings.MAIL_TRANSPORT = transport

    assert len(checks.mail_is_sent()) == warnings
