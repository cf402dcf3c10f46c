"""The attacked site: all that `make run` starts, set up as a production site."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from bench.servers import NotUp, free_port
from devserver.guard import Guard
from inference.models import Worker

READY = "gigarouter is ready"
PATIENCE_S = 240.0


@contextmanager
def running(variables: Mapping[str, str], log: Path) -> Iterator[tuple[int, int]]:
    """The port and the supervisor's process id. Raises NotUp."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "devserver.run"],
            cwd=settings.BASE_DIR,
            env=os.environ | dict(variables) | {"PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    guard = Guard()  # an attack that is killed must not leave its site behind
    guard.watch(process.pid, signal.SIGTERM)
    try:
        _wait(process, log)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE_S)
        guard.forget(process.pid)
        guard.close()


def _wait(process: "subprocess.Popen[bytes]", log: Path) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while READY not in log.read_text(errors="replace") or not _has_worker():
        if process.poll() is not None or time.monotonic() > end_s:
            raise NotUp(log.read_text(errors="replace"))
        time.sleep(0.3)


def _has_worker() -> bool:
    return Worker.objects.alive().exclude(repos=[]).exists()
