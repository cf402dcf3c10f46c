"""Work that one process at a time should do, kept apart by PostgreSQL's advisory locks."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection, transaction


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

    Not in Django's connection: that goes back to its pool, and the lock would stay with it.
    """
    given = connection.get_connection_params()
    known = ("dbname", "user", "password", "host", "port", "options")
    parameters = {key: given[key] for key in known if key in given}
    with psycopg.connect(**parameters, autocommit=True) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [number_of(name)])
        yield


def number_of(name: str) -> int:
    # PostgreSQL's locks have a signed 64-bit number; a digest needs no list of those in use.
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
