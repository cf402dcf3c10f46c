"""Who may change people may not make themselves more than they are."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User

PEOPLE = "/admin/accounts/user/"


def address(person: User) -> str:
    return f"{PEOPLE}{person.pk}/change/"


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@lab.example")


@pytest.fixture
def clerk(db: None, client: Client) -> User:
    """Staff who may see, change and delete people; signed in."""
    clerk = User.objects.create_user("clerk@lab.example", is_staff=True)
    verbs = ("view_user", "change_user", "delete_user")
    clerk.user_permissions.set(Permission.objects.filter(codename__in=verbs))
    client.force_login(clerk)
    return clerk


def test_a_clerk_gives_nobody_rights(clerk: User, client: Client) -> None:
    rights = {"is_staff": "on", "is_superuser": "on", "is_active": "on"}
    for person in (clerk, User.objects.create_user("ada@lab.example")):
        client.post(address(person), {"email": person.email, "max_calls_in_flight": 3, **rights})

        person.refresh_from_db()
        assert person.max_calls_in_flight == 3
        assert not person.is_superuser
        assert person.is_staff == (person == clerk)


def test_a_clerk_changes_and_deletes_no_superuser(clerk: User, root: User, client: Client) -> None:
    changed = client.post(address(root), {"email": "mine@lab.example", "is_active": "on"})
    client.post(PEOPLE, {"action": "forget", "_selected_action": [root.pk]})

    root.refresh_from_db()
    assert changed.status_code == 403
    assert (root.email, root.is_active, root.is_superuser) == ("root@lab.example", True, True)


def test_a_superuser_gives_rights(root: User, client: Client) -> None:
    client.force_login(root)
    ada = User.objects.create_user("ada@lab.example")

    client.post(address(ada), {"email": ada.email, "is_active": "on", "is_staff": "on"})

    ada.refresh_from_db()
    assert ada.is_staff
