"""A real server with limits that a test can wait for, in a thread; the application echoes."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import uvicorn

from config.middleware.asgi import Receive, Scope, Send
from config.middleware.body_limit import BodyPace
from config.server.connections import ConnectionTable
from config.server.limits import HttpLimits
from config.server.protocol import protocol_with
from tests.support.site import free_port, wait_for

SHORT = HttpLimits(head_s=0.6, linger_s=0.6, read_window_s=0.6)


@dataclass
class Server:
    port: int
    table: ConnectionTable
    limits: HttpLimits
    seen: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    _stack: ExitStack = field(default_factory=ExitStack)

    def connect(self, first: bytes = b"") -> socket.socket:
        line = self._stack.enter_context(
            socket.create_connection(("127.0.0.1", self.port), timeout=10)
        )
        line.sendall(first)
        return line

    def ask(self, first: bytes) -> bytes:
        """All that is answered until the server closes."""
        return read_all(self.connect(first))

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Says how long the body was. /late waits until it is released, /long is 64 MB."""
        self.seen.append(scope["path"])
        length = 0
        if scope["path"] != "/unread":
            while (message := await receive())["type"] == "http.request":
                length += len(message.get("body", b""))
                if not message.get("more_body"):
                    break
        while scope["path"] == "/late" and not self.released.is_set():
            await asyncio.sleep(0.01)
        body = b"x" * 2**26 if scope["path"] == "/long" else f"{length}.".encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def read_all(line: socket.socket) -> bytes:
    parts = []
    try:
        while part := line.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; `is_proxy` says which addresses are exempt from the limit per address."""
    with ExitStack() as stack:

        def start(
            limits: HttpLimits = SHORT, *, is_proxy: Callable[[str], bool] = lambda address: True
        ) -> Server:
            table = ConnectionTable(
                most=limits.connections,
                most_per_address=limits.connections_per_address,
                is_proxy=is_proxy,
            )
            server = Server(free_port(), table, limits)
            stack.enter_context(_running(server, limits))
            return server

        yield start


class _running:  # noqa: N801  a context manager
    def __init__(self, server: Server, limits: HttpLimits) -> None:
        self.server = server
        application = BodyPace(server.answer, min_bytes_per_s=1000, window_s=0.6)
        self.uvicorn = uvicorn.Server(
            uvicorn.Config(
                application,
                port=server.port,
                http=protocol_with(limits, server.table),
                ws="none",
                lifespan="off",
                log_config=None,
                timeout_keep_alive=1,
                timeout_graceful_shutdown=1,
            )
        )
        self.thread = threading.Thread(target=asyncio.run, args=[self.uvicorn.serve()], daemon=True)

    def __enter__(self) -> None:
        self.thread.start()
        wait_for(lambda: self.uvicorn.started)

    def __exit__(self, *_: object) -> None:
        self.server.released.set()
        self.server._stack.close()
        self.uvicorn.should_exit = True
        self.thread.join(timeout=20)
