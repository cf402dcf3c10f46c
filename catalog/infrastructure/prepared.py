"""Statements that each call and each batch runs: PostgreSQL plans them once a connection.

Planning such a statement takes it several times as long as running it (a claim: 0.38 ms of 0.45).

    with prepared.cursor() as cursor:
        cursor.execute(STATEMENT, parameters)
    jobs = prepared.instances(Job, f"SELECT {prepared.columns(Job, 'job')} FROM ...", parameters)

PostgreSQL is told no types of texts and NULLs: where it cannot infer one, a statement names it
(`%s::text`). And a statement names its columns: while a connection lives, `*` may come to mean
others, and then PostgreSQL refuses the plan that it has kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

AnyModel = TypeVar("AnyModel", bound=Model)
Parameters = Sequence[Any] | Mapping[str, Any]  # what psycopg takes


@dataclass(frozen=True)
class _Said:
    query: bytes


class _PreparingCursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> "_PreparingCursor":
        super().execute(query, params, **options | {"prepare": True})
        # Where Django's log of statements looks, and psycopg's own cursors leave nothing.
        self._query = _Said(query.encode())  # type: ignore[assignment]
        return self


@contextmanager
def cursor() -> Iterator[CursorWrapper]:
    """Django's, but that it prepares what it executes."""
    if connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        # PgBouncer lends a session to many, and those before 1.21 know no plans of theirs.
        with connection.cursor() as plain:
            yield plain
        return
    with connection.wrap_database_errors:
        connection.ensure_connection()
        assert connection.connection is not None  # noqa: S101  ensured
        raw: Any = _PreparingCursor(connection.connection)  # Django's types know only its own
    is_logged = connection.queries_logged
    with connection.make_debug_cursor(raw) if is_logged else connection.make_cursor(raw) as wrapped:
        yield wrapped


def columns(model: type[Model], table: str) -> str:
    """All of a model's columns, as `instances` takes them; `table` is what the statement calls it.

    >>> from accounts.models import Wallet
    >>> columns(Wallet, "w").startswith('w."id", w."user_id"')
    True
    """
    return ", ".join(f'{table}."{field.column}"' for field in model._meta.concrete_fields)


def instances(model: type[AnyModel], statement: str, parameters: Parameters) -> list[AnyModel]:
    """What the rows are. Columns after the model's own become attributes, as of a raw query."""
    names, converters = _reading(model)
    with cursor() as executed:
        executed.execute(statement, parameters)
        others = [column.name for column in executed.description[len(names) :]]
        rows = executed.fetchall()
    found = []
    for row in rows:
        values = list(row[: len(names)])
        for place, convert in converters:
            values[place] = convert(values[place])
        instance = model.from_db(connection.alias, names, values)
        for name, value in zip(others, row[len(names) :], strict=True):
            setattr(instance, name, value)
        found.append(instance)
    return found


def instance(model: type[AnyModel], statement: str, parameters: Parameters) -> AnyModel | None:
    """The first of `instances`; None without one."""
    return next(iter(instances(model, statement, parameters)), None)


@cache
def _reading(model: type[Model]) -> tuple[list[str], list[tuple[int, Callable[[Any], Any]]]]:
    """Attributes in the order of `columns`, and how values become Python's, by place."""
    fields = model._meta.concrete_fields
    converters: list[tuple[int, Callable[[Any], Any]]] = []
    for place, field in enumerate(fields):
        column = field.get_col(model._meta.db_table)
        for convert in (
            *connection.ops.get_db_converters(column),
            *field.get_db_converters(connection),
        ):
            converters.append((place, _applied(convert, column)))
    return [field.attname for field in fields], converters


def _applied(convert: Callable[..., Any], column: Any) -> Callable[[Any], Any]:
    return lambda value: convert(value, column, connection)
