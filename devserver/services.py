"""PostgreSQL and Valkey from wheels, for whoever gives no `DATABASE_URL` or `REDIS_URL`.

A second, small Valkey keeps text vectors, unless there is a `TEXT_CACHE_URL`, or a `REDIS_URL`:
whoever runs their own servers runs this one, too, or goes without.

    python -m devserver.services run -- python manage.py shell

They live below `DATA_DIR`; devserver.addresses says where they listen.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from devserver.addresses import data_dir_from_environment
from devserver.folder_lock import FolderInUse, sole_owner
from devserver.postgres import prepare_postgres
from devserver.processes import Child, CommandFailed
from devserver.supervisor import Supervisor, supervise
from devserver.valkey import prepare_text_cache, prepare_valkey, text_cache_mb
from devserver.wheels import EnginesMissing


async def start(supervisor: Supervisor, data_dir: Path, *, durable: bool = True) -> None:
    """Start the engines that no URL replaces, and wait until they answer.

    The caller is the folder's sole owner. Raises `EnginesMissing`, `CommandFailed`, `ChildFailed`.
    """
    for prepare in _needed(os.environ):
        # In a thread, because the first start takes a second or two.
        await supervisor.start(await asyncio.to_thread(prepare, data_dir, durable))


def _needed(environ: Mapping[str, str]) -> Iterator[Callable[[Path, bool], Child]]:
    if not environ.get("DATABASE_URL"):
        yield prepare_postgres
    if not environ.get("REDIS_URL"):
        yield prepare_valkey
        if not environ.get("TEXT_CACHE_URL") and text_cache_mb():
            yield prepare_text_cache


async def _run(supervisor: Supervisor, command: Sequence[str], *, durable: bool) -> int:
    """Run a command in the foreground, with the engines beside it; return its exit status."""
    await start(supervisor, data_dir_from_environment(), durable=durable)
    process = await asyncio.create_subprocess_exec(*command)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m devserver.services")
    run = parser.add_subparsers(required=True).add_parser("run", help="run a command with engines")
    run.add_argument("--forgetful", action="store_true", help="fast, but no crash-safe data: tests")
    run.add_argument("command", nargs="+", metavar="-- command")
    options = parser.parse_args(arguments)
    try:
        with sole_owner(data_dir_from_environment()):
            # The terminal sends Ctrl-C to the command as well, which decides what it means.
            main_task = partial(_run, command=options.command, durable=not options.forgetful)
            return supervise(main_task, out=sys.stderr, stops_on_interrupt=False)
    except (FolderInUse, EnginesMissing, CommandFailed, PermissionError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main())
