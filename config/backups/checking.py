"""Restores a backup into a database of its own, and lets the ledger add itself up there."""

import json
import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings

from config.backups import postgres
from config.backups.making import DUMP, MANIFEST, MEDIA, checksum


class CheckFailed(Exception):
    pass


def check(folder: Path) -> str:
    """What was found, as a line for the operator. Raises CheckFailed.

    The database is made beside the site's, so the site's role needs CREATEDB; it is dropped again.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise CheckFailed(f"{folder} is no whole backup: {error}") from error
    _compare_checksums(folder, manifest["sha256"])
    try:
        with _temporary_database() as database:
            options = ["--no-owner", "--exit-on-error", f"--dbname={database['dbname']}"]
            postgres.run("pg_restore", *options, str(folder / DUMP), database=database)
            ledger = _manage(database, "check_ledger")
    except postgres.ProgramFailed as error:
        raise CheckFailed(str(error)) from error
    return f"{folder.name}: {ledger}; {_pictures(folder)}"


def _compare_checksums(folder: Path, expected: Mapping[str, str]) -> None:
    for name, digest in expected.items():
        try:
            is_same = checksum(folder / name) == digest
        except OSError as error:
            raise CheckFailed(f"{folder.name}: {error}") from error
        if not is_same:
            raise CheckFailed(f"{folder.name}: {name} is not what was written")


# Any: libpq's words.
@contextmanager
def _temporary_database() -> Iterator[dict[str, Any]]:
    site = postgres.site_database()
    name = f"gigarouter_check_{uuid.uuid4().hex[:12]}"
    postgres.run("createdb", name, database=site)
    try:
        yield {**site, "dbname": name}
    finally:
        postgres.run("dropdb", "--force", name, database=site)


def _manage(database: Mapping[str, Any], command: str) -> str:
    """A command of ours on another database, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": _url(database)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CheckFailed(f"{command} on the restored database: {done.stderr.strip()}")
    return done.stdout.strip()


def _url(database: Mapping[str, Any]) -> str:
    words = {word: quote(str(value), safe="") for word, value in database.items() if value}
    login = f"{words.pop('user', '')}:{words.pop('password', '')}".rstrip(":")
    name = words.pop("dbname")
    options = "&".join(f"{word}={value}" for word, value in words.items())
    return f"postgresql://{login}@/{name}?{options}"


def _pictures(folder: Path) -> str:
    if not (folder / MEDIA).exists():
        return "pictures are in a bucket"
    with tarfile.open(folder / MEDIA) as archive:
        return f"{len(archive.getnames())} pictures"
