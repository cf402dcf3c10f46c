"""Files and programs of a system user: PostgreSQL refuses to run as root, so root lends it one."""

import os
import pwd
import subprocess
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
    """Make a folder that only the account can use. Raises PermissionError if it is a stranger's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account:
        _open_way(folder.parent)
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def open_to(account: Account | None, programs: Path) -> None:
    # Let the account run programs that root installed, also where root's umask is strict.
    if not account:
        return
    _open_way(programs.parent)
    for path in (programs, *programs.rglob("*")):
        mode = path.stat().st_mode
        readable = mode | ((mode & 0o500) >> 6)
        if readable != mode:
            path.chmod(readable)


def _open_way(folder: Path) -> None:
    # Passing through is enough; what lies beside the way stays unlisted.
    for step in (folder, *folder.parents):
        mode = step.stat().st_mode
        if not mode & 0o001:
            step.chmod(mode | 0o001)
