"""Every kind of row that the admin lists: it opens, it can be searched, and shows no secret."""

from http import HTTPStatus

import pytest
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User

LISTS = sorted(
    reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for model in admin.site._registry
)


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("op@lab.example"))
    return client


@pytest.mark.parametrize("address", LISTS)
def test_a_list_opens_and_can_be_searched(operator: Client, address: str) -> None:
    for query in ({}, {"q": "ada"}):
        assert operator.get(address, query).status_code == HTTPStatus.OK


def test_a_session_is_shown_without_its_key_and_cannot_be_changed(operator: Client) -> None:
    person = User.objects.create_user("ada@lab.example")
    session = UserSession.objects.create(
        user=person, session_key="k" * 32, ip="203.0.113.9", user_agent="a browser"
    )
    address = reverse("admin:usersessions_usersession_change", args=[session.pk])

    page = operator.get(address).content.decode()
    refused = operator.post(address, {"ip": "198.51.100.1"})

    assert "203.0.113.9" in page
    assert session.session_key not in page
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert operator.post(address.replace("/change/", "/delete/")).status_code == (
        HTTPStatus.FORBIDDEN
    )
