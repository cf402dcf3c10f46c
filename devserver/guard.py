"""Ends process groups when the process that started them is gone, however it went.

Run as a file, this module is the guard: a tiny process that reads `+group signal` and `-group`
lines. Its input ends when the starter does, `kill -9` included; then it ends every group still on
its list. Unlike Linux's parent-death signal it reaches grandchildren, too, and works on macOS.
Standard library only, because the guard must be up before the first child is.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

GRACE_S = 5.0


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
        # The list is empty by now, so the guard has nothing to do but leave.
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
    # Signal a whole group; one that is gone (macOS: a zombie) is what the caller wanted.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _groups_left() -> dict[int, signal.Signals]:
    """Follow the starter's list until the starter is gone."""
    groups: dict[int, signal.Signals] = {}
    for line in sys.stdin:
        group, *rest = line[1:].split()
        groups.pop(int(group), None)
        if line.startswith("+"):
            groups[int(group)] = signal.Signals(int(rest[0]))
    return groups


def is_alive(number: int) -> bool:
    """Whether a process, or by its negative number a group, exists."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _run_guard() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = _groups_left()
    for group, stop_signal in groups.items():
        signal_group(group, stop_signal)
    give_up_at = time.monotonic() + GRACE_S
    while any(is_alive(-group) for group in groups) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    for group in groups:
        signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    _run_guard()
