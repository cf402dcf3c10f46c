"""The whole site in one terminal: `python -m devserver.run`, which is what `make run` calls.

Engines, migrations, catalog and static files first; then web, worker and beat, all supervised.
"""

import asyncio
import hashlib
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Awaitable, Iterator, Mapping
from functools import partial
from pathlib import Path

from devserver import development_site, services
from devserver.addresses import PROJECT_DIR, data_dir_from_environment
from devserver.console import Console
from devserver.folder_lock import FolderInUse, sole_owner
from devserver.processes import Child, CommandFailed
from devserver.supervisor import Supervisor, supervise
from devserver.wheels import EnginesMissing

REMIND_AFTER_S = 30.0
# For a newcomer at the keyboard; messages travel as JSON, so that Celery as root is no danger.
ROOT_WARNING = "ignore:You're running the worker with superuser"
# The commands that prepare the site have run Django's checks. Beat would load every page for them,
# and the API: 24 MB.
CHECKED = {"CELERY_SKIP_CHECKS": "1"}


class PortTaken(Exception):
    pass


def check_port(port: int) -> None:
    """Raises `PortTaken`."""
    with socket.socket() as probe:
        # As uvicorn does: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"Port {port} cannot be used ({error.strerror}): stop what listens there, "
                f"or choose another port, as in `PORT={port + 1} make run`."
            ) from error


async def site(supervisor: Supervisor, *, data_dir: Path, port: int) -> int:
    console = supervisor.console
    await _timed(console, "PostgreSQL and Valkey", services.start(supervisor, data_dir))
    await _timed(console, "migrations", _manage(supervisor, "migrate", "--verbosity=0"))
    await _timed(console, "catalog", _manage(supervisor, "load_catalog"))
    await _timed(console, "static files", _collect_static(supervisor, data_dir))
    for child in (_web(port), _worker(), _beat(), _house(), _fetch()):
        await supervisor.start(child)
    await _timed(console, "web, worker and beat", _until_ready(console, port))
    console.say(f"gigarouter is ready at http://127.0.0.1:{port}  (Ctrl-C stops it)")
    return await supervisor.until_asked_to_stop()


async def _timed(console: Console, what: str, work: Awaitable[None]) -> None:
    began_s = time.monotonic()
    await work
    console.say(f"{what}: {time.monotonic() - began_s:.1f} s")


async def _manage(supervisor: Supervisor, *arguments: str) -> None:
    await supervisor.finish(
        Child(name=arguments[0][:8], command=[sys.executable, "manage.py", *arguments])
    )


async def _collect_static(supervisor: Supervisor, data_dir: Path) -> None:
    # Skipped when nothing changed, because Django takes seconds to find that out.
    stamp = data_dir / "static.stamp"
    fingerprint = static_fingerprint(PROJECT_DIR, os.environ)
    if (data_dir / "static").exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return
    await _manage(supervisor, "collectstatic", "--noinput", "--verbosity=0")
    stamp.write_text(fingerprint)


def static_fingerprint(project_dir: Path, environ: Mapping[str, str]) -> str:
    # Changes with any static file of ours, the pinned packages, and the storage DEBUG chooses.
    digest = hashlib.sha256(environ.get("DEBUG", "").encode())
    for path in _static_sources(project_dir):
        stat = path.stat()
        digest.update(f"{path} {stat.st_mtime_ns} {stat.st_size}\n".encode())
    return digest.hexdigest()


def _static_sources(project_dir: Path) -> Iterator[Path]:
    yield from project_dir.glob("constraints.txt")
    for folder in (project_dir / "static", *sorted(project_dir.glob("*/static"))):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _web(port: int) -> Child:
    command = [sys.executable, "-m", "config.server", "--port", str(port)]
    # Our own questions while it starts would drown what others have to say.
    return Child(name="web", command=command, mute="/readyz")


def _worker() -> Child:
    models = os.environ.get("MODELS") or "auto"
    return Child(
        name="worker",
        command=[sys.executable, "manage.py", "run_worker", "--models", models],
        environ={"PYTHONWARNINGS": _warnings()},
        stop_timeout_s=30,  # TERM lets it finish the batch it has in hand
    )


def _beat() -> Child:
    # It does the housekeeping, so that nothing but the database can keep it from that.
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "beat"]
    return Child(name="beat", command=command, environ={"PYTHONWARNINGS": _warnings()} | CHECKED)


def _house() -> Child:
    # What pages ask for and do not wait for: mail, launches, questions to the hub.
    return _threads("house", "mail,house", "--concurrency", "4")


def _fetch() -> Child:
    # What connects to strangers' servers, each of which may hold a thread for seconds; neither the
    # sweep nor a sign-in's mail shares these.
    return _threads("fetch", "fetch,webhooks", "--concurrency", "32")


def _threads(name: str, queues: str, *options: str) -> Child:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "-Q", queues]
    command += ["--pool", "threads", "--hostname", f"{name}@%h", *options]
    command += ["--without-gossip", "--without-mingle"]
    return Child(name=name, command=command, environ={"PYTHONWARNINGS": _warnings()} | CHECKED)


def _warnings() -> str:
    warnings = os.environ.get("PYTHONWARNINGS", "")
    return ",".join(filter(None, (warnings, ROOT_WARNING)))


async def _until_ready(console: Console, port: int) -> None:
    remind_at = time.monotonic() + REMIND_AFTER_S
    while True:
        status, answer = await asyncio.to_thread(_readiness, port)
        # It is ready without a worker; whoever starts the site wants to try a model.
        if status == http.HTTPStatus.OK and json.loads(answer)["models"]:
            return
        if time.monotonic() > remind_at:
            console.say(f"still waiting for the site; /readyz says: {answer}")
            remind_at = time.monotonic() + REMIND_AFTER_S
        await asyncio.sleep(0.3)


def _readiness(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def main() -> int:
    data_dir = data_dir_from_environment()
    # Who starts the site by hand is developing; a production site starts its processes itself.
    os.environ.setdefault("DEBUG", "1")
    port = int(os.environ.get("PORT") or 8000)
    os.chdir(PROJECT_DIR)
    try:
        check_port(port)
        with sole_owner(data_dir), development_site.announced(data_dir, port=port):
            return supervise(partial(site, data_dir=data_dir, port=port))
    except (PortTaken, FolderInUse, EnginesMissing, CommandFailed, PermissionError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main())
