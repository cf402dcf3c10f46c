"""A bucket in memory behind a server that speaks S3's protocol, on a port of this machine."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.storage import storages
from pytest_django import Settings


@dataclass(frozen=True)
class Bucket:
    """Where it is, and boto3's own client of it, which knows nothing of our storage."""

    name: str
    endpoint: str
    client: Any  # boto3 has no types

    @property
    def keys(self) -> set[str]:
        listed = self.client.list_objects_v2(Bucket=self.name)
        return {entry["Key"] for entry in listed.get("Contents", [])}

    @property
    def options(self) -> dict[str, str]:
        """Of config.files.s3.Bucket."""
        return {
            "bucket_name": self.name,
            "endpoint_url": self.endpoint,
            "region_name": "us-east-1",
            "access_key": "test",
            "secret_key": "test",
        }


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # a second that only these tests need

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3_client(s3_endpoint: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def bucket(s3_endpoint: str, s3_client: Any, settings: Settings) -> Bucket:
    """An empty bucket that the site keeps its images in."""
    bucket = Bucket(f"images-{uuid.uuid4().hex[:8]}", s3_endpoint, s3_client)
    s3_client.create_bucket(Bucket=bucket.name)
    use_storage(settings, "config.files.s3.Bucket", **bucket.options)
    return bucket


def use_storage(settings: Settings, backend: str, **options: object) -> None:
    """What the site keeps its images in, for the rest of the test."""
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": backend, "OPTIONS": options}}
    assert storages["default"]  # made now, not by two threads at once
