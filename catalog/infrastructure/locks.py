"""Work that one process at a time should do, kept apart by PostgreSQL's advisory locks."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, connections, transaction
from psycopg.conninfo import conninfo_to_dict

# Of Django's parameters, what psycopg does not connect with.
DJANGO_ONLY = {"context", "cursor_factory", "prepare_threshold", "pool", "server_side_binding"}


@contextmanager
def try_lock(name: str) -> Iterator[bool]:
    """Hold a lock for one transaction; yields False, at once, if another session has it.

    with try_lock("inference.sweep") as is_locked:
        if is_locked: ...
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number_of(name)])
        row = cursor.fetchone()
        yield bool(row and row[0])


def lock(name: str) -> None:
    """Hold a lock until the end of the transaction under way; wait while another session has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number_of(name)])


@contextmanager
def session_lock(name: str) -> Iterator[None]:
    """Hold a lock over many transactions, in a session of its own; raises LockNotAvailable if
    another has it for longer than the lock_timeout of the settings.
    """
    with psycopg.connect(**own_session(), autocommit=True) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [number_of(name)])
        yield


# Any: what psycopg takes to connect, names and numbers as Django's settings have them.
def own_session() -> Mapping[str, Any]:
    """How to connect for what belongs to one session, as a lock over many transactions and LISTEN.

    Not by Django's connection, which goes back to its pool; and not through PgBouncer, which lends
    a session of PostgreSQL to somebody else after each transaction.
    """
    given = connections["default"].get_connection_params()
    known = {name: value for name, value in given.items() if name not in DJANGO_ONLY}
    if not settings.DATABASE_DIRECT_URL:
        return known
    return {
        "connect_timeout": known["connect_timeout"],
        "options": settings.DATABASE_TIME_LIMITS,
        **conninfo_to_dict(settings.DATABASE_DIRECT_URL),
    }


def number_of(name: str) -> int:
    # PostgreSQL's locks have a signed 64-bit number; a digest needs no list of those in use.
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
