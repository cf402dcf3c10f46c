"""Gives a database role what workers need, and sees to it that it can do nothing else.

    database_role.grant("gigarouter_worker")     # again after each migration

UnfitRole   root; the role would be able to do more, or is not there. Nothing has changed.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from catalog.infrastructure import locks
from inference.worker.grants import ALL, WORKER, TableGrant

# Table, column ("": the table as a whole) and what may be done with it.
Privilege = tuple[str, str, str]

COLUMN_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
TABLE_PRIVILEGES = ("DELETE", "TRUNCATE", "TRIGGER")

ROLE = """
SELECT role.rolname = current_user, role.rolsuper, role.rolcreaterole, role.rolreplication,
    role.rolbypassrls,
    ARRAY(SELECT granted.rolname FROM pg_auth_members AS member
        JOIN pg_roles AS granted ON granted.oid = member.roleid WHERE member.member = role.oid),
    EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
        AND refobjid = role.oid AND deptype = 'o')
FROM pg_roles AS role WHERE role.rolname = %s
"""
# Tables that an extension brings belong to somebody else, and are not ours to give.
OURS = """
SELECT relation.oid, relation.relname, relation.relkind FROM pg_class AS relation
WHERE relation.relnamespace = current_schema()::regnamespace
    AND relation.relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_has_role(relation.relowner, 'USAGE')
"""
# Whatever the way by which it came: PUBLIC's rights, and default privileges, are in it.
EFFECTIVE = f"""
WITH ours AS ({OURS})
SELECT relname, attname, privilege FROM ours
    JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
    CROSS JOIN unnest(%(of_columns)s::text[]) AS privilege
WHERE relkind <> 'S' AND has_column_privilege(%(role)s, ours.oid, attnum, privilege)
UNION ALL
SELECT relname, '', privilege FROM ours CROSS JOIN unnest(%(of_tables)s::text[]) AS privilege
WHERE relkind <> 'S' AND has_table_privilege(%(role)s, ours.oid, privilege)
"""  # noqa: S608  no value
# Where it could make things: functions of its own that triggers would then find first.
MAY_CREATE = """
SELECT 'the schema ' || nspname FROM pg_namespace
WHERE nspname !~ '^pg_' AND has_schema_privilege(%(role)s, oid, 'CREATE')
UNION ALL
SELECT 'the database' WHERE has_database_privilege(%(role)s, current_database(), 'CREATE')
"""


class UnfitRole(Exception):
    """`str(error)` is a sentence for the operator."""


@transaction.atomic
def grant(role: str) -> None:
    """Take everything from the role, and give it what `grants.WORKER` lists; at one moment, so that
    workers may run meanwhile. Raises UnfitRole.
    """
    locks.lock("inference.worker.database_role")
    _refuse_unfit(role)
    for statement in (*_revocations(role), *_grants(role)):
        _execute(statement)
    _refuse_excess(role)


def privileges_of(role: str) -> set[Privilege]:
    """What it may do with the site's tables in effect, however it came by that."""
    values: dict[str, str | list[str]] = {
        "role": role,
        "of_columns": list(COLUMN_PRIVILEGES),
        "of_tables": list(TABLE_PRIVILEGES),
    }
    with connection.cursor() as cursor:
        cursor.execute(EFFECTIVE, values)
        return set(cursor.fetchall())


def expected() -> set[Privilege]:
    return {privilege for given in WORKER for privilege in _privileges(given)}


def _privileges(given: TableGrant) -> Iterator[Privilege]:
    for verb, columns in _by_verb(given):
        yield from ((given.table, column, verb) for column in _columns(given, columns))
    if given.delete:
        yield given.table, "", "DELETE"


def _by_verb(given: TableGrant) -> Iterator[tuple[str, Sequence[str]]]:
    yield "SELECT", given.select
    yield "INSERT", given.insert
    yield "UPDATE", given.update


def _columns(given: TableGrant, columns: Sequence[str]) -> list[str]:
    if columns == ALL:
        return [str(field.column) for field in given.model._meta.concrete_fields]
    return list(columns)


def _refuse_unfit(role: str) -> None:
    # The statement's columns, as they stand there.
    row: tuple[Any, ...] | None
    with connection.cursor() as cursor:
        cursor.execute(ROLE, [role])
        row = cursor.fetchone()
    if row is None:
        raise UnfitRole(f"There is no role {role}. Make it: createuser --pwprompt {role}")
    is_own, *powers, groups, owns_something = row
    if is_own:
        raise UnfitRole(f"{role} is the site's own role. Workers need another one.")
    if any(powers):
        raise UnfitRole(
            f"{role} must be neither a superuser nor allowed to make roles, to replicate or to"
            " bypass row security. Make another role for workers."
        )
    if groups:
        raise UnfitRole(
            f"{role} has the rights of {', '.join(groups)} as a member."
            f" Take them away: REVOKE {', '.join(groups)} FROM {role}"
        )
    if owns_something:
        raise UnfitRole(f"{role} owns something here. Make another role for workers.")


def _refuse_excess(role: str) -> None:
    # A table that is read whole may have columns that the model has no more, for one version.
    whole = {(each.table, verb) for each in WORKER for verb, of in _by_verb(each) if of == ALL}
    beyond = privileges_of(role) - expected()
    if excess := sorted(each for each in beyond if (each[0], each[2]) not in whole):
        table, column, privilege = excess[0]
        raise UnfitRole(
            f"{role} could still {privilege} {table}{f'.{column}' * bool(column)}, and"
            f" {len(excess) - 1} more. What was granted to PUBLIC, or by another role, has to be"
            " revoked first."
        )
    with connection.cursor() as cursor:
        cursor.execute(MAY_CREATE, {"role": role})
        if places := [place for [place] in cursor.fetchall()]:
            raise UnfitRole(f"{role} could still CREATE in {', '.join(places)}. Revoke that first.")


def _revocations(role: str) -> Iterator[sql.Composable]:
    name = sql.Identifier(role)
    with connection.cursor() as cursor:
        cursor.execute(OURS)
        ours = cursor.fetchall()
    for is_sequence, kind in ((False, "TABLE"), (True, "SEQUENCE")):
        relations = [sql.Identifier(row[1]) for row in ours if (row[2] == "S") is is_sequence]
        if relations:
            # Rights to columns go with those to their table.
            yield sql.SQL("REVOKE ALL ON {} {} FROM {}").format(
                sql.SQL(kind), sql.SQL(", ").join(relations), name
            )
    yield sql.SQL("REVOKE ALL ON SCHEMA {} FROM {}").format(_schema(), name)
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(_database(), name)


def _grants(role: str) -> Iterator[sql.Composable]:
    name = sql.Identifier(role)
    yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(_database(), name)
    yield sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(_schema(), name)
    for given in WORKER:
        table = sql.Identifier(given.table)
        for verb, columns in _by_verb(given):
            if columns:
                yield sql.SQL("GRANT {}{} ON {} TO {}").format(
                    sql.SQL(verb), _listed(columns), table, name
                )
        if given.delete:
            yield sql.SQL("GRANT DELETE ON {} TO {}").format(table, name)


def _listed(columns: Sequence[str]) -> sql.Composable:
    if columns == ALL:
        return sql.SQL("")  # the whole table, and the columns that a later version adds
    return sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))


def _database() -> sql.Identifier:
    return sql.Identifier(connection.settings_dict["NAME"])


def _schema() -> sql.Identifier:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        [name] = cursor.fetchone()
    return sql.Identifier(name)


def _execute(statement: sql.Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
