"""The site's processes as `make run` starts them, each with a log of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from devserver.guard import Guard

PATIENCE_S = 60.0

Process = subprocess.Popen[bytes]


class NotUp(Exception):
    """A server did not come up; the message holds what it printed."""


@contextmanager
def serving(environ: Mapping[str, str], log: Path, guard: Guard) -> Iterator[int]:
    """A web process for as long as the block lasts; its port. Raises `NotUp`."""
    with web(environ, log, guard) as (port, _):
        yield port


@contextmanager
def web(environ: Mapping[str, str], log: Path, guard: Guard) -> Iterator[tuple[int, Process]]:
    """A web process and the port at which it answers. Raises `NotUp`."""
    port = free_port()
    command = [sys.executable, "-m", "config.server", "--port", str(port)]
    with running(command, environ, log, guard) as process:
        wait_for(lambda: _answers(port), process, log)
        yield port, process


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], log: Path, guard: Guard
) -> Iterator[Process]:
    """A process for as long as the block lasts; stopped with TERM."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environ},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    guard.watch(process.pid, signal.SIGTERM)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
        guard.forget(process.pid)


def wait_for(
    holds: Callable[[], bool], process: Process, log: Path, *, patience_s: float = PATIENCE_S
) -> None:
    """Until something holds; raises `NotUp` when the process ends before, or patience does."""
    end = time.monotonic() + patience_s
    while process.poll() is None and time.monotonic() < end:
        if holds():
            return
        time.sleep(0.1)
    raise NotUp(log.read_text(errors="replace"))


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
