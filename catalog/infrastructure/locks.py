"""Work that one process at a time should do, kept apart by PostgreSQL's advisory locks."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

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


def number_of(name: str) -> int:
    # PostgreSQL's locks have a signed 64-bit number; a digest needs no list of those in use.
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
