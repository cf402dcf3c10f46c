"""Sentry, as far as an SDK sees it: takes envelopes, and keeps the events in them.

    with receiving() as sentry:
        start(sentry.dsn, ...)

An envelope is lines of JSON: its header, then for each item a header and the item.
https://develop.sentry.dev/sdk/foundations/transport/envelopes/
"""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.support.http.local_server import listening

PROJECT, PUBLIC_KEY = "7", "public"
Json = dict[str, Any]


@dataclass
class Sentry:
    """`bodies` are the envelopes as they were written, for whoever looks for what must not be
    in them; `kinds` those of their items.
    """

    dsn: str = ""
    events: list[Json] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def take(self, envelope: bytes) -> None:
        self.bodies.append(envelope)
        rest = envelope.partition(b"\n")[2]
        while rest.strip():
            header_line, _, rest = rest.partition(b"\n")
            header = json.loads(header_line)
            length = header.get("length", len(rest.partition(b"\n")[0]))
            payload, rest = rest[:length], rest[length + 1 :]
            self.kinds.append(header["type"])
            if header["type"] == "event":
                self.events.append(json.loads(payload))


class _Handler(BaseHTTPRequestHandler):
    hub: Sentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        is_ours = self.path == f"/api/{PROJECT}/envelope/" and (
            f"sentry_key={PUBLIC_KEY}" in self.headers["X-Sentry-Auth"]
        )
        if is_ours:
            self.hub.take(body)
        self.send_response(200 if is_ours else 403)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def receiving() -> Iterator[Sentry]:
    sentry = Sentry()
    with listening(_Handler, sentry) as address:
        sentry.dsn = f"http://{PUBLIC_KEY}@{urlsplit(address).netloc}/{PROJECT}"
        yield sentry
