"""Files and programs of a system user: PostgreSQL refuses to run as root, so root lends it one.

Root changes owners and modes here, in folders that others may write to. So each folder is opened
without following a link, looked at, and changed by its descriptor: what was checked is what is
changed.
"""

import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    uid: int
    gid: int


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
    """Make a folder that only the account can use.

    Raises PermissionError if it is a link, no folder, or a stranger's.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # a file, or a link that leads nowhere: told below
        folder.mkdir(mode=0o700, exist_ok=True)
    with _opened(folder) as descriptor:
        _refuse_strangers(folder, descriptor, account)
        if account:
            _open_way(folder.parent)
            os.fchown(descriptor, account.uid, account.gid)
        os.fchmod(descriptor, 0o700)


def open_to(account: Account | None, programs: Path) -> None:
    # Let the account run programs that root installed, also where root's umask is strict.
    if not account:
        return
    _open_way(programs.parent)
    for path in (programs, *programs.rglob("*")):
        mode = path.lstat().st_mode
        readable = mode | ((mode & 0o500) >> 6)
        # A link's target has its turn if it is one of the programs, and is none of ours if not.
        if readable != mode and not stat.S_ISLNK(mode):
            path.chmod(readable)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise PermissionError(
            f"{folder} must be a folder of its own, not a link: remove it, and start again."
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _refuse_strangers(folder: Path, descriptor: int, account: Account | None) -> None:
    # Whoever owns the folder above could put anything there. Not so in /tmp, which is everybody's.
    owner = os.fstat(descriptor).st_uid
    above = folder.parent.stat()
    ours = {os.geteuid()} | ({account.uid} if account else set())
    if not above.st_mode & stat.S_ISVTX:
        ours.add(above.st_uid)
    if owner not in ours:
        raise PermissionError(
            f"{folder} belongs to somebody else (user {owner}): remove it, or set DATA_DIR to"
            " another folder."
        )


def _open_way(folder: Path) -> None:
    # Passing through is enough; what lies beside the way stays unlisted.
    way = folder.resolve()
    for step in (way, *way.parents):
        if step.lstat().st_mode & 0o001:
            continue
        with _opened(step) as descriptor:
            os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | 0o001)
