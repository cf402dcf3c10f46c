"""A role of the test database, as a worker's: made, granted, used and gone again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connection
from psycopg import sql

from tests.support.site import database_url

# Any: rows of whatever is asked.
Session = psycopg.Connection[Any]


@contextmanager
def made(name: str) -> Iterator[str]:
    """Of the whole server, so that other processes can connect by it."""
    run("CREATE ROLE {} LOGIN", name)
    try:
        yield name
    finally:
        run("DROP OWNED BY {}", name)
        run("DROP ROLE {}", name)


def run(statement: str, role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(sql.Identifier(role)))


def url_of(role: str) -> str:
    """The test database's address for this role; the embedded server asks for no password."""
    parts = urlsplit(database_url())
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}@{host}"))


@contextmanager
def session(role: str) -> Iterator[Session]:
    with psycopg.connect(url_of(role), autocommit=True) as connected:
        yield connected


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Django's own connection does what is inside under the role's rights."""
    run("SET ROLE {}", role)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
