"""With TLS the broker shows its own certificate; one that was away blocks no worker."""

import logging
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kombu import Connection, Message, Queue
from kombu.exceptions import OperationalError

from config.broker import verified
from tests.support import valkey
from tests.support.site import free_port, wait_for

log = logging.getLogger(__name__)

REDIS = shutil.which("redis-server") or shutil.which("valkey-server")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("amqps://u:p@h/v", "amqps://u:p@h/v"),
        ("rediss://:p@h:6379/0", "rediss://:p@h:6379/0?ssl_cert_reqs=required"),
        (
            "rediss://h:6379/0?ssl_ca_certs=/x",
            "rediss://h:6379/0?ssl_ca_certs=/x&ssl_cert_reqs=required",
        ),
        ("rediss://h/0?ssl_cert_reqs=none", "rediss://h/0?ssl_cert_reqs=none"),
    ],
)
def test_the_address_asks_for_a_certificate(url: str, expected: str) -> None:
    assert verified(url) == expected


def make_certificate(folder: Path, host: str) -> Path:
    """Signed by itself, so that it is its own authority; the key lies beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.crt"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@pytest.fixture(params=["127.0.0.1", "another.example"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int, Path]]:
    """For whom its certificate is, its port, and the authority to trust."""
    if REDIS is None:
        pytest.skip("needs Debian's package redis-server")
    certificate, port = make_certificate(tmp_path, request.param), free_port()
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--save", ""]
    options += ["--tls-cert-file", str(certificate), "--dir", str(tmp_path)]
    options += ["--tls-key-file", str(certificate.with_suffix(".key"))]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([REDIS, *options], stdout=output)
    try:
        wait_for(lambda: b"Ready to accept" in log.read_bytes())
        yield request.param, port, certificate
    finally:
        process.terminate()
        process.wait()


def connects(url: str) -> bool:
    with Connection(verified(url)) as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=5)
            # Redis's channel has a client; the stubs know what all transports share.
            channel: Any = connection.default_channel
            channel.client.ping()
        except OperationalError:
            return False
    return True


def test_only_a_certificate_of_the_servers_name_will_do(server: tuple[str, int, Path]) -> None:
    host, port, authority = server
    address = f"rediss://127.0.0.1:{port}/0"

    assert not connects(address)  # of an authority that nobody here knows
    assert connects(f"{address}?ssl_ca_certs={authority}") == (host == "127.0.0.1")
    assert connects(f"{address}?ssl_cert_reqs=none")


@pytest.mark.parametrize("deed", ["ack_log_error", "reject_log_error"])
def test_a_message_that_is_done_makes_room_for_the_next_though_the_broker_is_away(
    deed: str,
) -> None:
    taken: list[Message] = []
    with valkey.running() as server:
        url = server.url.replace("unix:", "redis+socket:")
        with Connection(url) as connection, connection.SimpleQueue("a-queue") as queue:
            queue.put("first")
            consumer = connection.Consumer(Queue("a-queue"), on_message=taken.append)
            consumer.qos(prefetch_count=1)
            with consumer:
                connection.drain_events(timeout=10)
                channel: Any = consumer.channel  # a virtual one, as its type does not say
                assert not channel.qos.can_consume()

                server.process.kill()
                server.process.wait()
                getattr(taken[0], deed)(log, connection.connection_errors)  # which Celery calls

                assert channel.qos.can_consume()
                connection.collect()  # there is nobody to say good-bye to
