"""Runs commands as a system user: to their end, or as children whose output can be read."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from devserver.permissions import Account

LONGEST_LINE_BYTES = 1024 * 1024


class CommandFailed(Exception):
    pass


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
        **_credentials(account),
    )
    if done.returncode:
        raise CommandFailed(f"{Path(command[0]).name} failed: {done.stderr or done.stdout}")


async def succeeds(command: Sequence[str | Path]) -> bool:
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait() == 0


class _Credentials(TypedDict, total=False):
    user: int
    group: int
    extra_groups: Sequence[int]


def _credentials(account: Account | None) -> _Credentials:
    """What subprocess takes to run as another user; nothing to stay who we are."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process to keep running.

    `environ` is added to ours, `ready` is asked until it says yes, and lines that contain `mute`
    are not shown.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    cwd: Path | None = None
    ready: Callable[[], Awaitable[bool]] | None = None
    ready_timeout_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    mute: str | None = None


async def spawn(child: Child) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
    # Start a command in a session of its own, its output and errors in one stream.
    # Our own pipe: asyncio's would make `wait()` wait for grandchildren that hold the other end.
    read_end, write_end = os.pipe()
    reader = await _reader(read_end)
    try:
        process = await asyncio.create_subprocess_exec(
            *child.command,
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **child.environ},
            cwd=child.cwd,
            start_new_session=True,
            **_credentials(child.account),
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
