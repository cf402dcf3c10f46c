"""Statements that are planned once a connection give what the plain ones do."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from catalog.infrastructure import prepared
from catalog.models import ModelCard
from inference.models import Job
from tests.conftest import make_card

Submit = Callable[..., Job]

pytestmark = pytest.mark.django_db


def by_id(model: type[Model], extra: str = "") -> str:
    table, columns = model._meta.db_table, prepared.columns(model, "it")
    return f"SELECT {columns}{extra} FROM {table} AS it WHERE id = %s"  # noqa: S608


def plans() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%asked%%'"
        )
        return int(cursor.fetchone()[0])


def ask(value: int) -> Any:
    with prepared.cursor() as cursor:
        cursor.execute("SELECT %s::bigint AS asked", [value])
        return cursor.fetchone()[0]


def test_a_statement_is_planned_once_however_often_it_runs() -> None:
    before = plans()

    assert [ask(number) for number in range(5)] == [0, 1, 2, 3, 4]
    assert plans() == before + 1


def test_numbers_of_every_size_arrive_whole() -> None:
    numbers = [0, -1, 2**15, 2**31, 10**12, 2**63 - 1]

    assert [ask(number) for number in numbers] == numbers


def test_behind_a_pooler_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    before = plans()

    assert ask(7) == 7
    assert plans() == before


def test_an_instance_is_what_the_orm_reads(submit: Submit) -> None:
    job = submit()

    [found] = prepared.instances(Job, by_id(Job, ", 3 AS extra"), [job.pk])

    read = Job.objects.get(pk=job.pk)
    names = [field.attname for field in Job._meta.concrete_fields]
    assert {name: getattr(found, name) for name in names} == {
        name: getattr(read, name) for name in names
    }
    assert vars(found)["extra"] == 3
    assert not found._state.adding


def test_a_card_is_what_the_orm_reads() -> None:
    card = make_card()

    [found] = prepared.instances(ModelCard, by_id(ModelCard), [card.pk])

    read = ModelCard.objects.get(pk=card.pk)
    names = [field.attname for field in ModelCard._meta.concrete_fields]
    assert [getattr(found, name) for name in names] == [getattr(read, name) for name in names]


def test_nothing_found_is_no_instance() -> None:

    assert prepared.instances(Job, by_id(Job), [uuid.uuid4()]) == []
    assert prepared.instance(Job, by_id(Job), [uuid.uuid4()]) is None


def test_errors_are_those_of_django() -> None:
    card = make_card()

    with pytest.raises(IntegrityError), transaction.atomic(), prepared.cursor() as cursor:
        cursor.execute("INSERT INTO catalog_modelcard (id) VALUES (%s)", [card.pk])

    assert ModelCard.objects.filter(pk=card.pk).exists()


def test_a_transaction_that_is_undone_leaves_statements_usable() -> None:
    ask(1)
    with transaction.atomic():
        ask(2)
        transaction.set_rollback(True)

    assert ask(3) == 3


def test_a_column_that_is_added_meanwhile_does_no_harm(submit: Submit) -> None:
    job = submit()
    prepared.instances(Job, by_id(Job), [job.pk])

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE inference_job ADD COLUMN of_the_next_version integer")

    assert [found.pk for found in prepared.instances(Job, by_id(Job), [job.pk])] == [job.pk]


def test_what_runs_is_in_the_log_of_statements() -> None:
    with CaptureQueriesContext(connection) as queries:
        ask(timedelta(seconds=1).seconds)

    assert [query["sql"] for query in queries] == ["SELECT %s::bigint AS asked"]
