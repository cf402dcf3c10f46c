"""A real PgBouncer in front of the tests' PostgreSQL, by deploy/pgbouncer.ini."""

import configparser
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from devserver.permissions import system_account
from devserver.wheels import SYSTEM_USER
from tests.support.site import free_port, wait_for

INI = Path(settings.BASE_DIR) / "deploy" / "pgbouncer.ini"
PASSWORD = "letters-and-digits"
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(frozen=True)
class PgBouncer:
    port: int
    log: Path

    @property
    def url(self) -> str:
        given = connection.settings_dict
        return f"postgresql://{given['USER']}:{PASSWORD}@127.0.0.1:{self.port}/{given['NAME']}"

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running(**changes: str) -> Iterator[PgBouncer]:
    """`changes` are settings of the file's chapter [pgbouncer]."""
    # Of its own and short, and of the server's user: its socket is open to nobody else.
    home = Path(tempfile.mkdtemp(prefix="bouncer", dir="/tmp"))
    bouncer = PgBouncer(free_port(), home / "log")
    user = connection.settings_dict["USER"]
    (home / "userlist.txt").write_text(f'"{user}" "{PASSWORD}"\n')
    (home / "pgbouncer.ini").write_text(_ini(home, bouncer.port, changes))
    account = system_account(SYSTEM_USER)
    user_of: dict[str, Any] = {}
    if account:
        user_of = {"user": account.uid, "group": account.gid, "extra_groups": []}
        for path in (home, *home.iterdir()):
            os.chown(path, account.uid, account.gid)
    process = subprocess.Popen(
        [str(PROGRAM), "--quiet", str(home / "pgbouncer.ini")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **user_of,
    )
    try:
        wait_for(bouncer.answers, seconds=30)
        yield bouncer
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(home, ignore_errors=True)


def _ini(home: Path, port: int, changes: dict[str, str]) -> str:
    """The file, with what differs here: where things are, and under which name."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(INI)
    given = connection.settings_dict
    parser["databases"] = {given["NAME"]: f"host={given['HOST']} dbname={given['NAME']}"}
    parser["pgbouncer"].update(
        {
            "listen_port": str(port),
            "auth_file": str(home / "userlist.txt"),
            "logfile": str(home / "log"),
            "pidfile": str(home / "pid"),
        }
        | changes
    )
    written = StringIO()
    parser.write(written)
    return written.getvalue()
