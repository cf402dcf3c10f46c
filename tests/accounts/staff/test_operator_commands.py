"""Commands that change accounts or money say who ran them; one promotes who is there already."""

from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command

from accounts.models import User

OPERATOR = "by grace@"


@pytest.fixture(autouse=True)
def _grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "grace")


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


def run(name: str, *arguments: str) -> str:
    call_command(name, *arguments, stdout=(out := StringIO()))
    return out.getvalue()


def test_createsuperuser_promotes_who_has_an_account(
    ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    said = run("createsuperuser", "--noinput", "--email", "Ada@lab.example")

    ada.refresh_from_db()
    assert (ada.is_staff, ada.is_superuser) == (True, True)
    assert "had an account already" in said
    assert User.objects.count() == 1
    assert OPERATOR in caplog.text
    assert "Promoted to superuser" in LogEntry.objects.get().change_message


def test_createsuperuser_takes_the_address_from_the_environment(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", ada.email)

    run("createsuperuser", "--noinput")

    ada.refresh_from_db()
    assert ada.is_superuser


def test_createsuperuser_makes_who_is_not_there(db: None, caplog: pytest.LogCaptureFixture) -> None:
    run("createsuperuser", "--noinput", "--email", "root@lab.example")

    assert User.objects.get().is_superuser
    assert OPERATOR in caplog.text


def test_createsuperuser_refuses_who_is_one_and_who_is_closed(ada: User) -> None:
    run("createsuperuser", "--noinput", "--email", ada.email)
    with pytest.raises(CommandError, match="is a superuser already"):
        run("createsuperuser", "--noinput", "--email", ada.email)

    User.objects.create_user("closed@lab.example", is_active=False)
    with pytest.raises(CommandError, match="closed or suspended"):
        run("createsuperuser", "--noinput", "--email", "closed@lab.example")


@pytest.mark.parametrize("email", ["", "nonsense"])
def test_createsuperuser_wants_an_address(db: None, email: str) -> None:
    with pytest.raises(CommandError):
        run("createsuperuser", "--noinput", "--email", email)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "command",
    [
        ["issue_key", "ada@lab.example", "--grant-usd", "1"],
        ["reset_second_factor", "ada@lab.example"],
        ["sign_in_link", "ada@lab.example"],
        ["delete_person", "ada@lab.example"],
    ],
)
def test_commands_say_who_ran_them(
    ada: User, caplog: pytest.LogCaptureFixture, command: list[str]
) -> None:
    run(*command)

    assert OPERATOR in caplog.text
    assert ada.email not in caplog.text
