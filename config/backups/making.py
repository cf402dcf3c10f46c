"""Makes a backup while the site runs."""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db.migrations.recorder import MigrationRecorder

from config.backups import postgres

DUMP, MEDIA, MANIFEST = "database.dump", "media.tar", "manifest.json"
# Of a backup that is being made, or whose maker was cut off.
PARTIAL = ".partial"


class BackupFailed(Exception):
    pass


def make(folder: Path) -> Path:
    """A new backup below the folder; it appears there whole, or not at all. Raises BackupFailed.

    The database first, in one snapshot; pictures after it. Jobs that ended in between have lost
    theirs by then, and would fail uncharged after a restore; nothing else is missing.
    """
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    partial, whole = folder / f"{name}{PARTIAL}", folder / name
    try:
        partial.mkdir(parents=True, mode=0o700)
        _dump(partial / DUMP)
        if isinstance(default_storage, FileSystemStorage):
            _pack(Path(default_storage.location), partial / MEDIA)
        _write_manifest(partial)
        partial.rename(whole)
    except (OSError, postgres.ProgramFailed) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise BackupFailed(str(error)) from error
    return whole


def complete(folder: Path) -> list[Path]:
    """The backups below the folder, the oldest first."""
    return sorted(path.parent for path in folder.glob(f"*Z/{MANIFEST}"))


def remove_old(folder: Path, *, keep: int) -> list[Path]:
    """All but the newest, and what was left behind half made. Raises ValueError for keep < 1."""
    if keep < 1:
        raise ValueError("at least one backup is kept")
    old = [*complete(folder)[:-keep], *folder.glob(f"*{PARTIAL}")]
    for each in old:
        shutil.rmtree(each)
    return old


def _dump(path: Path) -> None:
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={path}"]
    # A migration that holds a lock is waited for a while, not for ever.
    options.append("--lock-wait-timeout=60s")
    postgres.run("pg_dump", *options, database=postgres.site_database())
    path.chmod(0o600)


def _pack(media: Path, path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for file in _files(media):
            try:
                archive.add(file, arcname=str(file.relative_to(media)), recursive=False)
            except FileNotFoundError:  # its job has ended meanwhile
                continue
    path.chmod(0o600)


def _files(media: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(media):
        yield from (Path(folder) / name for name in sorted(names))


def _write_manifest(folder: Path) -> None:
    # Any: JSON.
    manifest: dict[str, Any] = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": settings.REVISION,
        "django": django.get_version(),
        "migrations": sorted(
            f"{app}.{name}"
            for app, name in MigrationRecorder.Migration.objects.values_list("app", "name")
        ),
        "sha256": {path.name: checksum(path) for path in sorted(folder.iterdir())},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
