"""A real PgBouncer, by deploy/pgbouncer.ini: the time limits hold, and nothing that needs a session
of its own goes through it.
"""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from bench.abuse.pictures import data_url
from bench.abuse.stage import issue_key
from catalog.infrastructure import locks
from catalog.models import Stage
from config.database import as_options, give_to_role, time_limits
from inference import notify
from inference.models import Job, Worker
from inference.worker import loop
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.conftest import FROZEN, PRICED, make_card, photo_bytes
from tests.deploy import pgbouncer
from tests.deploy.pgbouncer import PgBouncer
from tests.fakes.encoder import HashEncoder
from tests.support import site
from tests.support.site import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not pgbouncer.PROGRAM, reason="needs Debian's package pgbouncer"),
]
LIMITS = time_limits(statement_s=15, idle_in_transaction_s=10)
SHOWN = {
    "statement_timeout": "15s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}


@pytest.fixture(scope="module")
def bouncer(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[PgBouncer]:
    """With the limits of pages as those of the role, as `prepare` leaves it."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            give_to_role(LIMITS, cursor)
        try:
            with pgbouncer.running(default_pool_size="3") as running:
                yield running
        finally:
            with connection.cursor() as cursor:
                name = connection.settings_dict["NAME"]
                cursor.execute(f'ALTER ROLE CURRENT_USER IN DATABASE "{name}" RESET ALL')


def shown(session: "psycopg.Connection[tuple[str]]", name: str) -> str:
    [value] = session.execute(f"SHOW {name}").fetchone() or ("",)
    return value


@pytest.mark.parametrize("name", SHOWN)
def test_a_session_that_is_lent_has_the_time_limits(bouncer: PgBouncer, name: str) -> None:
    with psycopg.connect(bouncer.url) as session:
        assert shown(session, name) == SHOWN[name]


def test_a_statement_ends_at_the_limit_of_the_role(bouncer: PgBouncer) -> None:
    with psycopg.connect(bouncer.url) as session:
        session.execute("SET LOCAL statement_timeout = 50")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("SELECT pg_sleep(30)")
        session.rollback()

        assert shown(session, "statement_timeout") == "15s", "of the next transaction, as before"


def test_limits_that_would_be_dropped_are_refused(bouncer: PgBouncer) -> None:
    with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"):
        psycopg.connect(bouncer.url, options=as_options(LIMITS))


def test_a_command_has_its_own_limits_all_the_same(bouncer: PgBouncer) -> None:
    limits = as_options(time_limits(statement_s=3600, idle_in_transaction_s=600))
    with psycopg.connect(site.database_url(), options=limits) as session:
        assert shown(session, "statement_timeout") == "1h"


def test_preparing_gives_the_role_its_limits(
    bouncer: PgBouncer, settings: Settings, tmp_path: Path
) -> None:
    settings.DEBUG = True
    settings.STATIC_ROOT = tmp_path / "static"
    settings.DATABASE_DIRECT_URL = site.database_url()
    settings.PAGE_TIME_LIMITS = time_limits(statement_s=7, idle_in_transaction_s=10)

    call_command("prepare")

    with psycopg.connect(site.database_url()) as session:
        assert shown(session, "statement_timeout") == "7s"
    with connection.cursor() as cursor:
        give_to_role(LIMITS, cursor)


def test_many_connections_share_a_few_sessions(bouncer: PgBouncer) -> None:
    def backend(_: int) -> int:
        with psycopg.connect(bouncer.url) as session:
            [pid] = session.execute("SELECT pg_backend_pid() FROM pg_sleep(0.05)").fetchone() or [0]
        return int(pid)

    with ThreadPoolExecutor(12) as threads:
        pids = list(threads.map(backend, range(24)))

    assert 0 not in pids
    assert len(set(pids)) <= 3


# --- sessions of its own ------------------------------------------------------------------------


def test_a_notification_through_it_wakes_who_listens_beside_it(
    bouncer: PgBouncer, settings: Settings
) -> None:
    settings.DATABASE_DIRECT_URL = site.database_url()
    job_id = uuid.uuid4()

    async def wait() -> bool:
        listener = notify.Listener()
        await listener.start()
        async with listener.subscribe(job_id) as subscription:
            await subscription.wait(0.1)  # that of the connection itself
            async with await psycopg.AsyncConnection.connect(bouncer.url) as session:
                await session.execute("SELECT pg_notify(%s, %s)", [notify.CHANNEL, str(job_id)])
            is_woken = await subscription.wait(20)
        listener.close()
        return is_woken

    assert asyncio.run(wait())


def holds(session: "psycopg.Connection[tuple[bool]]", name: str) -> bool:
    asked = "SELECT pg_try_advisory_xact_lock(%s)"
    [is_held] = session.execute(asked, [locks.number_of(name)]).fetchone() or (False,)
    return is_held


def test_a_lock_of_a_transaction_is_held_and_let_go_through_it(bouncer: PgBouncer) -> None:
    with psycopg.connect(bouncer.url) as first, psycopg.connect(bouncer.url) as second:
        assert holds(first, "a round")
        assert not holds(second, "a round")
        second.rollback()
        first.commit()
        assert holds(second, "a round")


def test_a_lock_over_many_transactions_is_not_lost_in_it(
    bouncer: PgBouncer, settings: Settings
) -> None:
    settings.DATABASE_DIRECT_URL = site.database_url()

    with locks.session_lock("a migration"), psycopg.connect(bouncer.url) as session:
        for _ in range(5):
            assert not holds(session, "a migration")
            session.commit()

    with psycopg.connect(bouncer.url) as session:
        assert holds(session, "a migration")


# --- a process of the site ----------------------------------------------------------------------


@contextmanager
def web_process(folder: Path, bouncer: PgBouncer) -> Iterator[str]:
    port = site.free_port()
    environ = os.environ | site.environment(folder, port)
    environ |= {"DATABASE_URL": bouncer.url, "DATABASE_DIRECT_URL": site.database_url()}
    command = [sys.executable, "-m", "config.server", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=django_settings.BASE_DIR, env=environ, stdout=log, stderr=log
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: is_up(address))
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def is_up(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def answered(settings: Settings, tmp_path: Path) -> Callable[[], None]:
    """Lets a worker, in this process, answer what waits."""
    media = {"location": tmp_path / "media", "base_url": None}
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": media}
    settings.STORAGES = django_settings.STORAGES | {"default": storage}
    card = make_card("gigarouter/conse-demo", loader="conse", stage=Stage.LIVE, **FROZEN, **PRICED)

    def answer() -> None:
        wait_for(Job.objects.queued().exists)
        loop.drain(ServedModel(card, TextCache(HashEncoder())), worker="w")

    return answer


@pytest.mark.processes
def test_a_web_process_answers_pages_and_waiting_calls(
    bouncer: PgBouncer, answered: Callable[[], None], tmp_path: Path
) -> None:
    logins = bouncer.log.read_text().count("login attempt")
    key = issue_key("ada@lab.example", "1")
    body = {
        "model": "gigarouter/conse-demo",
        "input": [{"image": data_url(photo_bytes())}],
        "labels": ["a cat", "a dog"],
    }
    headers = {"Authorization": f"Bearer {key}", "Prefer": "wait=60"}

    with web_process(tmp_path, bouncer) as address, ThreadPoolExecutor(1) as threads:
        assert httpx.get(f"{address}/models/").status_code == 200
        Worker.objects.create(name="w", pid=1, device="cpu", repos=[body["model"]])
        call = threads.submit(
            httpx.post, f"{address}/v1/classify", json=body, headers=headers, timeout=70
        )
        answered()
        response = call.result()

    assert response.status_code == 200, response.text
    assert bouncer.log.read_text().count("login attempt") > logins, "it has connected through it"
    log = (tmp_path / "web.log").read_text()
    assert "not listening" not in log, log
    assert "unsupported startup parameter" not in log, log
