"""What the machines share, at the switch: database, broker, text cache, bucket, and the proxy."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from bench.cluster.network import ADDRESS
from bench.relay import relayed
from devserver import addresses

BUCKET = "gigarouter-images"
# As deploy/Caddyfile has it, without TLS; by turns, so that each machine gets its half.
_CADDYFILE = """
{{
    admin off
    auto_https off
}}
http://{address}:{port} {{
    reverse_proxy {webs} {{
        lb_policy round_robin
        lb_try_duration 5s
        lb_try_interval 100ms
        health_uri /healthz
        health_interval 2s
        health_timeout 2s
        fail_duration 2s
        transport http {{
            keepalive 15s
            dial_timeout 1s
            response_header_timeout 75s
        }}
    }}
}}
"""


@contextmanager
def stores(address: str) -> Iterator[dict[str, str]]:
    """The settings by which machines find the embedded engines, which listen on unix sockets only,
    and an S3 server in this process.
    """
    folder = addresses.socket_folder(settings.DATA_DIR)
    with ExitStack() as stack:
        port = {
            name: stack.enter_context(relayed(folder / name, host=address)).port
            for name in (
                addresses.POSTGRES_SOCKET,
                addresses.VALKEY_SOCKET,
                addresses.TEXT_CACHE_SOCKET,
            )
        }
        stack.enter_context(_bucket(address))
        database = f"postgres@{address}:{port[addresses.POSTGRES_SOCKET]}/{addresses.DATABASE}"
        yield {
            "DATABASE_URL": f"postgresql://{database}",
            "REDIS_URL": f"redis://{address}:{port[addresses.VALKEY_SOCKET]}/0",
            "TEXT_CACHE_URL": f"redis://{address}:{port[addresses.TEXT_CACHE_SOCKET]}/0",
        }


@contextmanager
def _bucket(address: str) -> Iterator[None]:
    """At the port that `bucket_settings` named in the environment of all processes."""
    import boto3
    from moto.server import ThreadedMotoServer

    endpoint = os.environ["AWS_S3_ENDPOINT_URL"]
    port = urlsplit(endpoint).port or 0
    server = ThreadedMotoServer(ip_address=address, port=port, verbose=False)
    server.start()
    try:
        boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=BUCKET)
        yield
    finally:
        server.stop()


def bucket_settings(port: int) -> dict[str, str]:
    """For this process and all that it starts: storage is chosen as a process starts."""
    return {
        "AWS_STORAGE_BUCKET_NAME": BUCKET,
        "AWS_S3_ENDPOINT_URL": f"http://{ADDRESS}:{port}",
        "AWS_S3_REGION_NAME": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        # Of moto, which asks for none.
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


@contextmanager
def proxy(address: str, port: int, webs: Sequence[str], folder: Path) -> Iterator[None]:
    config = folder / "Caddyfile"
    config.write_text(_CADDYFILE.format(address=address, port=port, webs=" ".join(webs)))
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"],
            env=os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)
