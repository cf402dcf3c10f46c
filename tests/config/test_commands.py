"""Migrations and other commands have time of their own, and take turns."""

import threading
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable
from pytest_django import Settings

from catalog.infrastructure.locks import number_of
from config.database import as_options, is_command, time_limits
from config.management.commands import migrate
from tests.support.site import database_url


@pytest.mark.parametrize(
    ("arguments", "is_one"),
    [
        (["manage.py", "migrate"], True),
        (["/srv/site/manage.py", "check_ledger"], True),
        (["/srv/.venv/bin/celery", "-A", "config", "beat"], False),
        (["/x/config/server/__main__.py"], False),
        ([], False),
    ],
)
def test_a_command_is_what_manage_py_runs(arguments: list[str], is_one: bool) -> None:
    assert is_command(arguments) is is_one


@pytest.mark.django_db
def test_the_limits_are_what_postgresql_says(settings: Settings) -> None:
    limits = time_limits(statement_s=3600, idle_in_transaction_s=600)
    with psycopg.connect(database_url(), options=as_options(limits)) as session:
        shown = [
            row[0]
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
            for row in session.execute(f"SHOW {name}")
        ]

    assert shown == ["1h", "2s", "10min"]


class Refusing(migrate.Command):
    """Fails as if a table was in use, some times."""

    def __init__(self, times: int) -> None:
        super().__init__(stderr=StringIO(), stdout=StringIO())
        self.times, self.calls = times, 0

    def _migrate(self, *args: object, **options: object) -> None:
        self.calls += 1
        if self.calls <= self.times:
            raise OperationalError("canceling statement") from LockNotAvailable()


def test_a_table_in_use_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "PAUSE_S", 0.0)
    command = Refusing(times=3)

    command.handle()

    assert command.calls == 4


def test_a_table_that_stays_in_use_is_an_error_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "PAUSE_S", 0.0)
    command = Refusing(times=migrate.TRIES)

    with pytest.raises(OperationalError):
        command.handle()


@pytest.mark.django_db(transaction=True)
def test_two_that_migrate_take_turns() -> None:
    output = StringIO()
    migrating = threading.Thread(target=lambda: _migrate(output))
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [number_of(migrate.LOCK)])
        migrating.start()
        migrating.join(timeout=1)
        assert migrating.is_alive(), "it went on while another was migrating"
    migrating.join(timeout=30)

    assert not migrating.is_alive()
    assert "No migrations to apply" in output.getvalue()


def _migrate(output: StringIO) -> None:
    try:
        call_command("migrate", stdout=output, stderr=output)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_prepare_does_all_that_a_version_needs_and_may_be_repeated(
    settings: Settings, tmp_path: Path
) -> None:
    settings.DEBUG = True
    settings.STATIC_ROOT = tmp_path / "static"

    for _ in range(2):
        output = StringIO()
        call_command("prepare", stdout=output, stderr=output)
        assert "prepared" in output.getvalue()

    assert (tmp_path / "static" / "css").is_dir()


def test_prepare_changes_nothing_under_settings_that_are_refused(
    settings: Settings, db: None, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.TRUSTED_PROXIES = ["0.0.0.0/0"]

    with pytest.raises(SystemCheckError):
        call_command("prepare", stdout=StringIO(), stderr=StringIO())

    assert not (tmp_path / "static").exists()
