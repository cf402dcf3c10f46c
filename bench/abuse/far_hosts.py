"""Strangers' web servers as the attacked site sees them: one that answers, many that drip.

bench.abuse.far_client leads the site here. `*.drip.example` is what an attacker has who owns a
domain: as many host names as they like.
"""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

GOOD = "good.example"
DRIPPING = "drip.example"
DRIP_S = 0.5


def good_url(name: str) -> str:
    return f"http://{GOOD}/{name}.jpg"


def dripping_url(number: int) -> str:
    return f"http://h{number}.{DRIPPING}/{number}.jpg"


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
