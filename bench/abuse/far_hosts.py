"""Strangers' web servers as the attacked site sees them: one that answers, many that drip.

Names resolve to a public address, which the site checks as always; only the last step, connecting
to it, leads to a port of this machine. `*.drip.example` is what an attacker has who owns a domain:
as many host names as they like.
"""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpcore2
from django.conf import settings

from inference.outbound.client import OutboundClient, system_dial

GOOD = "good.example"
DRIPPING = "drip.example"
PUBLIC = "93.184.215.14"
DRIP_S = 0.5


def good_url(name: str) -> str:
    return f"http://{GOOD}/{name}.jpg"


def dripping_url(number: int) -> str:
    return f"http://h{number}.{DRIPPING}/{number}.jpg"


def client() -> OutboundClient:
    """For OUTBOUND_CLIENT: the site's own client, but for where public addresses lead."""
    return OutboundClient(resolve=_resolve, dial=_dial, schemes=frozenset({"http"}))


async def _resolve(host: str, port: int) -> list[str]:
    if host != GOOD and not host.endswith(f".{DRIPPING}"):
        raise OSError("name or service not known")
    return [PUBLIC]


async def _dial(address: str, port: int) -> httpcore2.AsyncNetworkStream:
    return await system_dial("127.0.0.1", settings.FAR_PORT)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    picture = b""
    closing: threading.Event

    def handle_error(self, request: object, client_address: object) -> None:
        """The site hangs up on who drips: that is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(self.server.picture)))
        self.end_headers()
        if self.headers["Host"] == GOOD:
            self.wfile.write(self.server.picture)
        else:
            self._drip()

    def _drip(self) -> None:
        for byte in self.server.picture:
            self.wfile.write(bytes([byte]))
            if self.server.closing.wait(DRIP_S):
                return

    def log_message(self, *_: object) -> None:
        """Nothing: the report is printed here."""


@contextmanager
def serving(picture: bytes) -> Iterator[int]:
    """All far hosts, for as long as the block lasts; the port for BENCH_FAR_PORT."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.picture, server.closing = picture, threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.closing.set()
            with suppress(OSError):
                server.shutdown()
            thread.join()
