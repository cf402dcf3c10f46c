"""A query may be slow; a server may not be silent (a frozen one: tests/faults, F08)."""

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg_pool import ConnectionPool

from config import database
from config.database import KeepaliveConnection
from tests.support.site import database_url, wait_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PROBE_EVERY_S", 0.1)


def sleep(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def test_a_slow_query_goes_on_while_the_server_answers() -> None:
    sleep(1)

    assert isinstance(connection.connection, KeepaliveConnection)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections, and says nothing, as a frozen server does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.django_db(transaction=True)
def test_a_server_that_does_not_answer_is_an_error(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = f"host=127.0.0.1 port={silent_port} connect_timeout=2"
    monkeypatch.setattr(database, "make_conninfo", lambda *_, **__: silent)

    with pytest.raises(OperationalError, match="does not answer"):
        sleep(10)

    connection.close()
    with connection.cursor() as cursor:  # a new connection; and the old one's work is of no use
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
        )


def lent() -> KeepaliveConnection:
    connection.ensure_connection()
    assert isinstance(connection.connection, KeepaliveConnection)
    return connection.connection


def check(lent_one: KeepaliveConnection) -> None:
    ConnectionPool.check_connection(lent_one)


@pytest.mark.django_db(transaction=True)
def test_a_session_that_stands_is_lent_without_a_question(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w+") as said:
        lent().pgconn.trace(said.fileno())
        try:
            check(lent())
        finally:
            lent().pgconn.untrace()
        assert said.read() == ""


@pytest.mark.django_db(transaction=True)
def test_a_session_that_the_server_has_ended_is_not_lent() -> None:
    mine = lent()
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [mine.info.backend_pid])
    # The server has said so a moment later than it answers whoever asked for it.
    wait_for(lambda: not mine._is_at_rest())

    with pytest.raises(psycopg.OperationalError):
        check(mine)
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_notice_that_waits_unread_does_not_end_a_session() -> None:
    mine = lent()
    mine.execute("LISTEN of_a_test")
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("NOTIFY of_a_test")
    wait_for(lambda: not mine._is_at_rest())

    check(mine)

    assert mine._is_at_rest()
    mine.execute("UNLISTEN *")
