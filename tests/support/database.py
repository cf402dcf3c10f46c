"""Emptying the tables after a test, hundreds of times in a run.

Django truncates every table, each into new files, and lets migrations' signals write content types
and permissions anew. For tables with a handful of rows DELETE takes a tenth of that.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.contenttypes.management import create_contenttypes
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models.signals import post_migrate

# The same rows all the time: they go with the code.
LASTING = {"django_content_type", "auth_permission"}
# What is deleted stays in the files until a vacuum, and is read past: then TRUNCATE is due again.
MOST_BYTES = 40_000_000
BYTES = """
SELECT sum(pg_relation_size(format('%%I', name)::regclass)) FROM unnest(%s::text[]) AS name
"""
IS_SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"


def empty_quickly(connection: BaseDatabaseWrapper) -> None:
    """From now on `flush` deletes. A user who may not leaves it as it is."""
    with connection.cursor() as cursor:
        cursor.execute(IS_SUPERUSER)
        if cursor.fetchone() != (True,):
            return
    # Of the class: beside Playwright's event loop Django's `connection` is another object, and one
    # that truncates would take with it the content types, which nobody writes again.
    operations = type(connection.ops)
    truncate = operations.sql_flush

    def sql_flush(
        self: BaseDatabaseOperations, style: Any, tables: Sequence[str], **options: bool
    ) -> list[str]:
        emptied = [table for table in tables if table not in LASTING]
        with self.connection.cursor() as cursor:
            cursor.execute(BYTES, [emptied])
            is_large = cursor.fetchone()[0] > MOST_BYTES
        if is_large:
            return list(truncate(self, style, emptied, **options))
        # As a replica neither triggers nor foreign keys are looked at: everything goes.
        return [
            "SET LOCAL session_replication_role = replica",
            *(f'DELETE FROM "{table}"' for table in emptied),  # noqa: S608
            "SET LOCAL session_replication_role = DEFAULT",
        ]

    operations.sql_flush = sql_flush  # type: ignore[method-assign]
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
