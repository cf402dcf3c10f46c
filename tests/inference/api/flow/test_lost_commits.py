"""The database goes away as a job is committed: who was told 503 pays for nothing unheard of."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from config.database import KeepaliveConnection
from inference.models import Job, State
from tests.inference.api.conftest import CREDIT, PRICE_TEXT, Api, money
from tests.support.site import wait_for

PATH = "/v1/embeddings"
KEYED = {"Idempotency-Key": "the-same"}
HAS_NEW_JOB = """
SELECT 1 FROM inference_job WHERE state = 'queued' AND xmin = pg_current_xact_id()::xid
"""
GOES_AWAY = """
CREATE FUNCTION go_away() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER go_away AFTER INSERT ON inference_job
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION go_away();
"""
IS_BACK = "DROP TRIGGER IF EXISTS go_away ON inference_job; DROP FUNCTION IF EXISTS go_away"


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def call(api: Api, **headers: str) -> int:
    body = {"model": api.card.repo, "input": "a cat"}
    return api.http.post(PATH, json=body, headers=headers).status_code


@pytest.fixture
def lost_confirmation(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the next job that is committed, psycopg hears the connection's end and no more."""
    lost: list[bool] = []

    def commit(self: KeepaliveConnection) -> None:
        is_ours = not lost and bool(self.execute(HAS_NEW_JOB).fetchone())
        psycopg.Connection.commit(self)
        if is_ours:
            lost.append(True)
            self.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(KeepaliveConnection, "commit", commit)


@pytest.fixture
def lost_commit(api: Api) -> Iterator[None]:
    execute(GOES_AWAY)
    yield
    execute(IS_BACK)


@pytest.mark.usefixtures("lost_confirmation")
def test_a_repeated_call_finds_the_job_whose_commit_nobody_confirmed(api: Api) -> None:
    assert call(api, **KEYED) == 503

    # Until the first call is cleaned up after, its key is in use.
    wait_for(lambda: call(api, **KEYED) == 200)

    assert Job.objects.get().state == State.SUCCEEDED
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)


@pytest.mark.usefixtures("lost_confirmation")
def test_a_job_that_nobody_was_told_of_is_canceled(api: Api) -> None:
    api.worker.pause()

    assert call(api) == 503

    wait_for(lambda: Job.objects.get().state == State.CANCELLED)
    assert money(api.user) == (CREDIT, 0)


@pytest.mark.usefixtures("lost_commit")
def test_a_repeated_call_is_done_where_the_first_was_rolled_back(api: Api) -> None:
    assert call(api, **KEYED) == 503
    assert not Job.objects.exists()
    execute(IS_BACK)

    wait_for(lambda: call(api, **KEYED) == 200)

    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)
