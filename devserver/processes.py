"""Starts processes so that none outlives the one that started it, however that one ends.

Run as a file, this module is the guard: a tiny process that reads `+group signal` and `-group`
lines. Its input ends when the starter does, `kill -9` included; then it ends every group still on
its list. Unlike Linux's parent-death signal it reaches grandchildren, too, and works on macOS.
Standard library only, because the guard must be up before the first child is.
"""

import asyncio
import fcntl
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

GRACE_S = 5.0
LONGEST_LINE_BYTES = 1024 * 1024


class Account(NamedTuple):
    """The system user that a process runs as."""

    uid: int
    gid: int


class CommandFailed(Exception):
    """A command that should have worked did not; the message holds what it printed."""


class FolderInUse(Exception):
    """Another process holds the folder, and is alive."""


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold a folder as long as we live, so that two copies never share it. Raises `FolderInUse`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise FolderInUse(
                f"{folder} is in use by a gigarouter that is running (process {lock.read()}): "
                "stop that one first, or set DATA_DIR to another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Guard:
    """Remembers process groups in another process, which ends them if this one dies."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal is not meant for it
        )

    def watch(self, group: int, stop_signal: signal.Signals) -> None:
        self._tell(f"+{group} {stop_signal.value}")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}")

    def close(self) -> None:
        """The list is empty by now, so the guard has nothing to do but leave."""
        with suppress(BrokenPipeError):
            self._process.communicate()

    def _tell(self, line: str) -> None:
        stdin = self._process.stdin
        # A guard that somebody killed must not take the site with it.
        with suppress(BrokenPipeError):
            if stdin is not None:
                stdin.write(f"{line}\n".encode())
                stdin.flush()


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal a whole group; one that is gone (macOS: a zombie) is what the caller wanted."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def system_account(name: str) -> Account | None:
    """As root, the system user of that name, made if missing; as anybody else nobody: None."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        make = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        # Unchecked: a second copy may make it at the same moment. What counts is that it is there.
        subprocess.run(make, check=False, capture_output=True)
        entry = pwd.getpwnam(name)
    return Account(entry.pw_uid, entry.pw_gid)


def hand_over(folder: Path, account: Account | None) -> None:
    """Make a folder that only the account can use. Raises PermissionError if it is a stranger's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account:
        _open_way(folder.parent)
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def open_to(account: Account | None, programs: Path) -> None:
    """Let the account run programs that root installed, also where root's umask is strict."""
    if not account:
        return
    _open_way(programs.parent)
    for path in (programs, *programs.rglob("*")):
        mode = path.stat().st_mode
        wanted = mode | ((mode & 0o500) >> 6)
        if wanted != mode:
            path.chmod(wanted)


def _open_way(folder: Path) -> None:
    """Passing through is enough; what lies beside the way stays unlisted."""
    for step in (folder, *folder.parents):
        mode = step.stat().st_mode
        if not mode & 0o001:
            step.chmod(mode | 0o001)


def run_as(
    account: Account | None, command: Sequence[str | Path], *, cwd: Path, text: str = ""
) -> None:
    """Run a command to its end, `text` on its input. Raises `CommandFailed`."""
    done = subprocess.run(
        command,
        input=text,
        text=True,
        check=False,
        capture_output=True,
        cwd=cwd,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        raise CommandFailed(f"{Path(command[0]).name} failed: {done.stderr or done.stdout}")


async def succeeds(command: Sequence[str | Path]) -> bool:
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait() == 0


def names_a_living_process(lock: Path) -> bool:
    """Whether a lock file begins with the number of a process that is alive, whoever's it is."""
    try:
        return _is_alive(int(lock.read_text().split(maxsplit=1)[0]))
    except (OSError, ValueError, IndexError):
        return False


async def spawn(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    account: Account | None = None,
    cwd: Path | None = None,
) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
    """Start a command in a session of its own, its output and errors in one stream."""
    # Our own pipe: asyncio's would make `wait()` wait for grandchildren that hold the other end.
    read_end, write_end = os.pipe()
    reader = await _reader(read_end)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
            cwd=cwd,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    finally:
        os.close(write_end)
    return process, reader


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LONGEST_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    return reader


def _groups_left() -> dict[int, signal.Signals]:
    """Follow the starter's list until the starter is gone."""
    groups: dict[int, signal.Signals] = {}
    for line in sys.stdin:
        group, *rest = line[1:].split()
        groups.pop(int(group), None)
        if line.startswith("+"):
            groups[int(group)] = signal.Signals(int(rest[0]))
    return groups


def _is_alive(number: int) -> bool:
    """Whether a process, or by its negative number a group, exists."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _guard() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = _groups_left()
    for group, stop_signal in groups.items():
        signal_group(group, stop_signal)
    give_up_at = time.monotonic() + GRACE_S
    while any(_is_alive(-group) for group in groups) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    for group in groups:
        signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    _guard()
