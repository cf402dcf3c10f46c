"""Data folders that one process at a time may use."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devserver.guard import is_alive


class FolderInUse(Exception):
    pass


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


def names_a_living_process(lock: Path) -> bool:
    """Whether a lock file begins with the number of a process that is alive, whoever's it is."""
    try:
        return is_alive(int(lock.read_text().split(maxsplit=1)[0]))
    except (OSError, ValueError, IndexError):
        return False
