"""The site of `make run`, as commands beside it find it: its data folder, and that it runs.

    with announced(data_dir, port=8000): ...        # make run, for as long as it runs
    join(os.environ)                                # manage.py

A command must never turn a real site into one with DEBUG=1. So it joins only a site that runs now,
was started from this very folder by the same user with DEBUG=1 and engines of its own; and only
where neither the environment nor .env says anything of a site.
"""

import fcntl
import json
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from devserver.addresses import PROJECT_DIR
from devserver.guard import is_alive

FOLDER = PROJECT_DIR / ".run"
# Whoever has said one of these has a site in mind.
OWN_SITE = ("SECRET_KEY", "DATABASE_URL", "DJANGO_SETTINGS_MODULE")


class Ambiguous(Exception):
    """More sites run here than one, and nothing says which is meant."""


@dataclass(frozen=True)
class DevelopmentSite:
    data_dir: str
    port: int
    pid: int

    @property
    def is_running(self) -> bool:
        return is_alive(self.pid) and _is_locked(Path(self.data_dir) / "lock")


@contextmanager
def announced(data_dir: Path, *, port: int, folder: Path = FOLDER) -> Iterator[None]:
    """Does nothing for a site that is none of a developer's, or has a database of its own."""
    if os.environ.get("DEBUG") != "1" or any(os.environ.get(name) for name in OWN_SITE):
        yield
        return
    site = DevelopmentSite(str(data_dir), port, os.getpid())
    file = folder / f"{site.pid}.json"
    folder.mkdir(mode=0o700, exist_ok=True)
    file.write_text(json.dumps(asdict(site)))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def running(folder: Path = FOLDER) -> list[DevelopmentSite]:
    """Those of the user who asks; a file that a killed one has left is removed."""
    found = []
    for file in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, TypeError):
            if file.stat().st_uid != os.geteuid():
                continue
            site = DevelopmentSite(**json.loads(file.read_text()))
            if site.is_running:
                found.append(site)
            else:
                file.unlink()
    return found


def join(environ: MutableMapping[str, str], folder: Path = FOLDER) -> DevelopmentSite | None:
    """Set DEBUG, DATA_DIR and PORT as the running site has them; None: there is none to join.

    Raises Ambiguous.
    """
    if any(environ.get(name) for name in OWN_SITE) or environ.get("DEBUG", "1") != "1":
        return None
    sites = running(folder)
    if data_dir := environ.get("DATA_DIR"):
        sites = [site for site in sites if site.data_dir == str(Path(data_dir).resolve())]
    default = [site for site in sites if site.data_dir == str((PROJECT_DIR / ".data").resolve())]
    if len(sites) > 1 and not default:
        names = ", ".join(site.data_dir for site in sites)
        raise Ambiguous(f"Several sites run here: say which, as in DATA_DIR={names}")
    site = next(iter(default or sites), None)
    if site:
        environ.update(DEBUG="1", DATA_DIR=site.data_dir, PORT=str(site.port))
    return site


def _is_locked(file: Path) -> bool:
    """Whether a site is the folder's owner now (devserver.folder_lock)."""
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
