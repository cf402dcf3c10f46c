"""Other people's servers, on this machine: TLS with a certificate that only the tests trust.

    with far_server() as far, canary() as bird:
        client = world(far, bird)           # names resolve as tests.support.hostile_urls says
        far.answers["/cat.jpg"] = Answer(body=b"...")

A public address leads to the far server, every other one to the canary, which must stay silent:
it counts the connections that should never have been made.
"""

import datetime
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import httpcore2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from inference.outbound.client import OutboundClient, system_dial
from tests.support.hostile_urls import NAMES, PUBLIC, PUBLIC_V6

CERTIFIED = ["good.example", "six.example", "both.example", "*.good.example"]


@dataclass(frozen=True)
class Answer:
    """What the server says to one path; `pieces` are sent one by one, `pause_s` apart."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: int = 1
    pause_s: float = 0.0
    says_length: bool = True
    hangs: bool = False


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class FarServer:
    """Where it listens, what it answers, and the requests it got."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[ReceivedRequest] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def redirect(self, path: str, to: str, *, status: int = 302) -> None:
        self.answers[path] = Answer(status=status, headers={"Location": to})


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    far: FarServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are what the tests are about."""


class _Talk(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        far = cast(_Listener, self.server).far
        length = int(self.headers.get("Content-Length", 0))
        request = ReceivedRequest(
            self.command, self.path, dict(self.headers), self.rfile.read(length)
        )
        far.requests.append(request)
        answer = far.answers.get(self.path, Answer(status=404))
        if answer.hangs:
            far.closing.wait(30)
            return
        self._say(answer, far)

    do_POST = do_GET  # noqa: N815  # http.server wants it so

    def _say(self, answer: Answer, far: FarServer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.says_length:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        size = -(-len(answer.body) // answer.pieces) or 1
        for start in range(0, len(answer.body), size):
            self.wfile.write(answer.body[start : start + size])
            self.wfile.flush()
            if answer.pause_s and far.closing.wait(answer.pause_s):
                return

    def log_message(self, *_: object) -> None:
        """Nothing: pytest's output is for people."""


@contextmanager
def far_server() -> Iterator[FarServer]:
    with _Listener(("127.0.0.1", 0), _Talk) as listener:
        listener.far = FarServer(port=listener.server_address[1])
        # The handshake is the talk's own business: one caller must not hold the door.
        listener.socket = _certificate().server.wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
        with _serving(listener.serve_forever, listener.shutdown):
            yield listener.far
            listener.far.closing.set()


@contextmanager
def _serving(serve: Callable[[float], None], stop: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=serve, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


@dataclass
class Canary:
    """Counts connections; there should be none."""

    port: int
    touched: int = 0


@contextmanager
def canary() -> Iterator[Canary]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bird = Canary(listener.getsockname()[1])
        listener.settimeout(0.05)
        stopped = threading.Event()

        def count(_: float) -> None:
            while not stopped.is_set():
                with suppress(TimeoutError):
                    listener.accept()[0].close()
                    bird.touched += 1

        with _serving(count, stopped.set):
            yield bird


def world(far: FarServer, bird: Canary, **changes: object) -> OutboundClient:
    """The site's own client, but for where names and addresses lead."""

    async def resolve(host: str, port: int) -> list[str]:
        if host not in NAMES:
            raise OSError("name or service not known")
        return NAMES[host]

    async def dial(address: str, port: int) -> httpcore2.AsyncNetworkStream:
        is_far = address in {PUBLIC, PUBLIC_V6}
        return await system_dial("127.0.0.1", far.port if is_far else bird.port)

    client = OutboundClient(resolve=resolve, dial=dial, tls=lambda: _certificate().client)
    return replace(client, **changes)  # type: ignore[arg-type]  # each field of it may be changed


@dataclass(frozen=True)
class _Certificate:
    server: ssl.SSLContext
    client: ssl.SSLContext


@cache
def _certificate() -> _Certificate:
    """One for the whole run: signed by itself, and trusted by nobody but `client`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, CERTIFIED))), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "both.pem"
        path.write_bytes(secret + pem)
        server.load_cert_chain(path)
    return _Certificate(server, ssl.create_default_context(cadata=pem.decode()))
