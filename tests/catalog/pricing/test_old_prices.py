"""What was charged before prices had nano-dollars is charged after it, to the digit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql

from tests.support.site import database_url

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
]
CARDS = """
INSERT INTO catalog_modelcard
    (repo, launch_price_micro_usd_per_image, launch_price_micro_usd_per_label,
     est_price_micro_usd_per_image)
VALUES ('a/paid', 94, 68, NULL), ('a/free-texts', 94, 0, NULL), ('a/stated', NULL, NULL, 7),
    ('a/unknown', NULL, NULL, NULL)
"""
CHANGE = """
INSERT INTO catalog_pricechange
    (card_id, micro_usd_per_image, micro_usd_per_label, basis, inputs, since)
SELECT id, 94, 68, 'launch', '{}', now() FROM catalog_modelcard WHERE repo = 'a/paid'
"""
JOB = """
INSERT INTO inference_job
    (id, card_id, kind, visitor, state, micro_usd_per_image, micro_usd_per_text)
SELECT gen_random_uuid(), id, 'embed', gen_random_uuid(), 'queued', 94, 68
FROM catalog_modelcard WHERE repo = 'a/paid'
"""


@pytest.fixture
def old() -> Iterator[str]:
    """The address of an empty database."""
    name = f"{connection.settings_dict['NAME']}_old"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    yield urlunsplit(urlsplit(database_url())._replace(path=f"/{name}"))
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def migrate(database: str, app: str, name: str) -> None:
    command = [sys.executable, "manage.py", "migrate", app, name]
    environ = os.environ | {"DATABASE_URL": database, "DEBUG": "1"}
    done = subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def let_columns_be_empty(cursor: psycopg.Cursor, table: str) -> None:
    """Only prices matter here: rows need no more than those."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'"
        " AND is_generated = 'NEVER' AND column_name <> 'id'",
        [table],
    )
    for (column,) in cursor.fetchall():
        alter = sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL")
        cursor.execute(alter.format(sql.Identifier(table), sql.Identifier(column)))


def test_prices_and_waiting_jobs_cost_what_they_did(old: str) -> None:
    migrate(old, "catalog", "0023_fill_bulk_mail")
    migrate(old, "inference", "0024_count_unread_jobs")
    with psycopg.connect(old) as database, database.cursor() as cursor:
        for table in ("catalog_modelcard", "inference_job"):
            let_columns_be_empty(cursor, table)
        for insert in (CARDS, CHANGE, JOB):
            cursor.execute(insert)

    migrate(old, "inference", "0025_price_jobs_in_nano_dollars")
    migrate(old, "catalog", "0024_price_in_nano_dollars")

    with psycopg.connect(old) as database, database.cursor() as cursor:
        cursor.execute(
            "SELECT repo, nano_usd_per_image, launch_price_nano_usd_per_text,"
            " launch_price_nano_usd_per_token FROM catalog_modelcard"
        )
        assert set(cursor.fetchall()) == {
            ("a/paid", 94_000, 68_000, None),
            ("a/free-texts", 94_000, None, 0),
            ("a/stated", 7_000, None, None),
            ("a/unknown", None, None, None),
        }
        cursor.execute("SELECT nano_usd_per_image, nano_usd_per_text FROM catalog_pricechange")
        assert cursor.fetchall() == [(94_000, 68_000)]
        cursor.execute(
            "SELECT nano_usd_per_image, nano_usd_per_text, nano_usd_per_token FROM inference_job"
        )
        assert cursor.fetchall() == [(94_000, 68_000, 0)]
