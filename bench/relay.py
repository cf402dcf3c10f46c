"""A TCP port before a server, such as a database behind a network that can break, or one that
listens on a unix socket only.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

CHUNK = 65536
# Of a unix socket, or of TCP.
Address: TypeAlias = Path | tuple[str, int]


class Relay:
    """Frozen, it takes connections and bytes, and passes nothing on: as a cable that is cut."""

    def __init__(self, target: Address, *, host: str = "127.0.0.1") -> None:
        self.target = target
        self._open = threading.Event()
        self._open.set()
        self._server = socket.create_server((host, 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    def close(self) -> None:
        self.thaw()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        self._open.wait()
        with suppress(OSError), client, self._connected() as server:
            back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
            back.start()
            self._copy(client, server)
            back.join()

    def _connected(self) -> socket.socket:
        if isinstance(self.target, tuple):
            return socket.create_connection(self.target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self.target))
        return server

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._open.wait()
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def relayed(target: Address, *, host: str = "127.0.0.1") -> Iterator[Relay]:
    relay = Relay(target, host=host)
    try:
        yield relay
    finally:
        relay.close()
